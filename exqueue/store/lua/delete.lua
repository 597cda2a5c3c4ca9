-- delete: remove failed jobs for good, or ones that are done and kept, on the word of a person; their keys go on
-- keys: failed done pending ranked jobs bodies runs errors counters recent older settled terms heads waiting blocked uniques chains results progress events
-- argv: request then id for each of up to 100 jobs
-- uses: line key gone ties person
-- moves: failed -> none, done -> none, waiting -> pending
-- replies: deleted, how many, and the positions of those that are in neither place
return for_each('deleted', request, function(id)
  local failed_it = redis.call('ZREM', failed, id) == 1
  if not failed_it and redis.call('ZREM', done, id) == 0 then return false end
  untie(id)
  forget(id, failed_it and 'deleted' or 'completed')
  tell('deleted', id)
  return true
end)
