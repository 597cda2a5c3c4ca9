-- retry: run a job again later; a retry is spent, and its key stays taken
-- keys: processing runs errors delayed settled counters control starts bell events stops
-- argv: slot id token delay_ms error
-- uses: gate settle errors
-- moves: processing -> delayed
-- replies: retried | stale | stopped
-- stopped: a person wanted this start to be stopped, so `discard` must settle it; nothing was changed
local standing, run = standing(slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  if redis.call('HGET', stops, id) == token then return {'stopped'} end
  leave(slot, id, token)
  wake()
  redis.call('ZADD', delayed, whole(now_ms() + tonumber(delay_ms)), id)
  run.failures, run.token = run.failures + 1, '-'
  write_run(id, run)
  add_error(id, error)
  tell('retried', id, delay_ms)
end
return {'retried'}
