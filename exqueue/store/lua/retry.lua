-- retry: run a job again later; a retry is spent
-- keys: processing runs errors delayed settled
-- argv: slot id token delay_ms error
-- uses: settle
-- moves: processing -> delayed
-- replies: retried | stale
local processing, runs, errors, delayed, settled = unpack(KEYS)
local slot, id, token, delay, line = unpack(ARGV)
local standing, run = standing(runs, settled, slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  leave(processing, settled, slot, id, token)
  redis.call('ZADD', delayed, now_ms() + tonumber(delay), id)
  run.failures, run.token = run.failures + 1, '-'
  write_run(runs, id, run)
  add_error(errors, id, line)
end
return {'retried'}
