-- cancel: remove jobs that have not begun, or wait for a retry, on the word of a person; their keys go on
-- keys: pending ranked delayed waiting jobs bodies runs errors counters recent older settled terms heads blocked uniques chains results progress events
-- argv: request then id for each of up to 100 jobs
-- uses: line key gone ties person
-- moves: pending -> none, delayed -> none, waiting -> none, waiting -> pending
-- replies: cancelled, how many, and the positions of those that are in none of these places
return for_each('cancelled', request, function(id)
  local agreed = terms_of(id)
  if redis.call('ZREM', delayed, id) == 0 and not (agreed and redis.call('ZREM', waiting, mention(id, agreed.key)) == 1)
     and not take_out(id) then return false end
  untie(id)
  forget(id, 'deleted')
  tell('cancelled', id)
  ring() -- it may have been the last in `pending`, but not the last of the line
  return true
end)
