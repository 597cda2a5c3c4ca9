-- snooze: run a job again later; nothing is spent, and its key stays taken
-- keys: processing runs delayed settled counters control starts bell events
-- argv: slot id token delay_ms
-- uses: gate settle
-- moves: processing -> delayed
-- replies: snoozed | stale
local standing, run = standing(slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  leave(slot, id, token)
  redis.call('ZADD', delayed, whole(now_ms() + tonumber(delay_ms)), id)
  run.token = '-'
  write_run(id, run)
  tell('snoozed', id, delay_ms)
end
return {'snoozed'}
