-- snooze: run a job again later; nothing is spent
-- keys: processing runs delayed settled
-- argv: slot id token delay_ms
-- uses: settle
-- moves: processing -> delayed
-- replies: snoozed | stale
local processing, runs, delayed, settled = unpack(KEYS)
local slot, id, token, delay = unpack(ARGV)
local standing, run = standing(runs, settled, slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  leave(processing, settled, slot, id, token)
  redis.call('ZADD', delayed, now_ms() + tonumber(delay), id)
  run.token = '-'
  write_run(runs, id, run)
end
return {'snoozed'}
