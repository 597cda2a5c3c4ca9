-- schedule: record the schedule of a worker from this moment on; what is recorded is never moved back
-- keys: schedules
-- argv: worker now_ms described
-- uses: tick
-- moves:
-- replies: scheduled
local since = math.max(recorded_tick(KEYS[1], ARGV[1]) or 0, tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', since) .. ' ' .. ARGV[3])
return {'scheduled'}
