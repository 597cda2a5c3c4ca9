-- register: open the slot of a new worker process; a slot that was closed stays closed
-- keys: slots graves beats
-- argv: slot info runner
-- moves:
-- replies: registered | dead
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return {'dead'} end
redis.call('HDEL', KEYS[1], ARGV[1]) -- the first write is one a full server allows
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSETNX', KEYS[3], ARGV[3], 0)
return {'registered'}
