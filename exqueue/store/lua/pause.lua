-- pause: let no job of this queue begin until it is resumed; jobs that run are not touched
-- keys: control events
-- argv:
-- moves:
-- replies: paused | unchanged
redis.call('HDEL', control, '') -- the first write is one a full server allows
if redis.call('HSETNX', control, 'paused', whole(now_ms())) == 0 then return {'unchanged'} end
tell('paused', '')
return {'paused'}
