-- schedule: record the schedule of a worker from this moment on; what is recorded is never moved back
-- keys: schedules
-- argv: worker from_ms described
-- uses: tick
-- moves:
-- replies: scheduled
redis.call('HSET', schedules, worker, whole(math.max(recorded_tick(worker) or 0, tonumber(from_ms))) .. ' ' .. described)
return {'scheduled'}
