-- schedule: record the schedule of a worker from this moment on; never moved back, but from the future that the caller saw
-- keys: schedules
-- argv: worker from_ms described future
-- uses: tick
-- moves:
-- replies: scheduled
local last = recorded_tick(worker) or 0
if whole(last) == future then last = 0 end -- the clock was set back
redis.call('HSET', schedules, worker, whole(math.max(last, tonumber(from_ms))) .. ' ' .. described)
return {'scheduled'}
