-- fail: keep a job in `failed` until a person acts; spent is 0 when it never began to run; it blocks its key, or frees it
-- keys: processing runs errors failed settled counters control starts bell events heads waiting blocked pending ranked jobs terms stops
-- argv: slot id token spent error
-- uses: line gate settle key errors
-- moves: processing -> failed, waiting -> pending
-- replies: failed | stale | stopped
-- stopped: a person wanted this start to be stopped, so `discard` must settle it; nothing was changed
local standing, run = standing(slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  if redis.call('HGET', stops, id) == token then return {'stopped'} end
  leave(slot, id, token)
  wake()
  redis.call('ZADD', failed, whole(now_ms()), id)
  if spent == '0' then run.attempt = run.attempt - 1 else run.failures = run.failures + 1 end
  run.token = '-'
  write_run(id, run)
  add_error(id, error)
  tell('failed', id)
  hold_or_free(id)
end
return {'failed'}
