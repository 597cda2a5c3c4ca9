-- snooze: run a job again later; nothing is spent, and its key stays taken
-- keys: processing runs delayed settled counters control starts bell events stops
-- argv: slot id token delay_ms
-- uses: gate settle
-- moves: processing -> delayed
-- replies: snoozed | stale | stopped
-- stopped: a person wanted this start to be stopped, so `discard` must settle it; nothing was changed
local standing, run = standing(slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  if redis.call('HGET', stops, id) == token then return {'stopped'} end
  leave(slot, id, token)
  wake()
  redis.call('ZADD', delayed, whole(now_ms() + tonumber(delay_ms)), id)
  run.token = '-'
  write_run(id, run)
  tell('snoozed', id, delay_ms)
end
return {'snoozed'}
