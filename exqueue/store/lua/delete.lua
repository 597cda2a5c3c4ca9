-- delete: remove failed jobs for good, on the word of a person
-- keys: failed jobs bodies runs errors counters recent older settled
-- argv: request then id for each of up to 100 jobs
-- uses: person
-- moves: failed -> none
-- replies: deleted, how many, and the positions of those that are not in failed
local failed, jobs, bodies, runs, errors, counters, recent, older, settled = unpack(KEYS)
local request = table.remove(ARGV, 1)
local reply = answered(settled, request)
if reply then return reply end
reply = {'deleted', 0}
for i, id in ipairs(ARGV) do
  if redis.call('ZREM', failed, id) == 1 then
    forget(jobs, bodies, runs, errors, counters, recent, older, id, 'deleted')
    reply[2] = reply[2] + 1
  else
    reply[#reply + 1] = i - 1
  end
end
return answer(settled, request, reply)
