-- requeue: run failed jobs again, with all their retries, at the end of the line; the history stays
-- keys: failed pending jobs runs counters settled
-- argv: request then id for each of up to 100 jobs
-- uses: person
-- moves: failed -> pending
-- replies: requeued, how many, and the positions of those that are not in failed
local failed, pending, jobs, runs, counters, settled = unpack(KEYS)
local request = table.remove(ARGV, 1)
local reply = answered(settled, request)
if reply then return reply end
reply = {'requeued', 0}
for i, id in ipairs(ARGV) do
  if redis.call('ZREM', failed, id) == 1 then
    local run = read_run(runs, id)
    run.failures, run.crashes, run.token = 0, 0, '-'
    write_run(runs, id, run)
    next_seq(counters, jobs, id)
    redis.call('RPUSH', pending, id)
    reply[2] = reply[2] + 1
  else
    reply[#reply + 1] = i - 1
  end
end
return answer(settled, request, reply)
