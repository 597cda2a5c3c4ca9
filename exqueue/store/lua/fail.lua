-- fail: keep a job in `failed` until a person acts; spent is 0 when it never began to run
-- keys: processing runs errors failed settled
-- argv: slot id token spent error
-- uses: settle
-- moves: processing -> failed
-- replies: failed | stale
local processing, runs, errors, failed, settled = unpack(KEYS)
local slot, id, token, spent, line = unpack(ARGV)
local standing, run = standing(runs, settled, slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  leave(processing, settled, slot, id, token)
  redis.call('ZADD', failed, now_ms(), id)
  if spent == '0' then run.attempt = run.attempt - 1 else run.failures = run.failures + 1 end
  run.token = '-'
  write_run(runs, id, run)
  add_error(errors, id, line)
end
return {'failed'}
