-- skip: let the keys of failed jobs go on without them; the jobs stay in failed
-- keys: failed pending ranked jobs settled terms heads waiting blocked events
-- argv: request then id for each of up to 100 jobs
-- uses: line key person
-- moves: waiting -> pending
-- replies: skipped, how many, and the positions of those that block no key
return for_each('skipped', request, function(id)
  local agreed = terms_of(id)
  if not (redis.call('ZSCORE', failed, id) and is_head(id, agreed)) then return false end
  free(id, agreed)
  tell('skipped', id, agreed.key)
  return true
end)
