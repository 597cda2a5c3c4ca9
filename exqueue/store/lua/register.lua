-- register: open the slot of a new worker process; a slot that was closed stays closed
-- keys: slots graves beats
-- argv: slot info runner
-- moves:
-- replies: registered | dead
if redis.call('HEXISTS', graves, slot) == 1 then return {'dead'} end
redis.call('HDEL', slots, slot) -- the first write is one a full server allows
redis.call('HSET', slots, slot, info)
redis.call('HSETNX', beats, runner, string.match(redis.call('HGET', graves, runner) or '', '^%d+') or 0) -- see depart.lua
return {'registered'}
