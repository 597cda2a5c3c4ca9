-- delete: remove failed jobs for good, or ones that are done and kept, on the word of a person; their keys go on
-- keys: failed done pending ranked jobs bodies runs errors counters recent older settled terms heads waiting blocked uniques chains results progress events
-- argv: request then id for each of up to 100 jobs
-- uses: line key gone ties person
-- moves: failed -> none, done -> none, waiting -> pending
-- replies: deleted, how many, and the positions of those that are in neither place
local reply = answered(request)
if reply then return reply end
reply = {'deleted', 0}
for i = 2, #ARGV do
  local id = ARGV[i]
  local failed_it = redis.call('ZREM', failed, id) == 1
  if failed_it or redis.call('ZREM', done, id) == 1 then
    untie(id)
    forget(id, failed_it and 'deleted' or 'completed')
    tell('deleted', id)
    reply[2] = reply[2] + 1
  else
    reply[#reply + 1] = i - 2
  end
end
return answer(request, reply)
