-- resume: let the jobs of a paused queue begin again; every worker process that waits is woken
-- keys: control bell slots events
-- argv:
-- moves:
-- replies: resumed | unchanged
if redis.call('HDEL', control, 'paused') == 0 then return {'unchanged'} end
redis.call('UNLINK', bell)
for _ = 1, math.min(1000, redis.call('HLEN', slots)) do redis.call('RPUSH', bell, '!') end
tell('resumed', '')
return {'resumed'}
