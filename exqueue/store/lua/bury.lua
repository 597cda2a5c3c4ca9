-- bury: forget a closed slot; by now no late BLMOVE of its process can fill it any more
-- keys: graves processing
-- argv: slot age_ms
-- moves:
-- replies: buried | kept
local died = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0') or 0
if redis.call('LLEN', KEYS[2]) > 0 or now_ms() - died < tonumber(ARGV[2]) then return {'kept'} end
redis.call('HDEL', KEYS[1], ARGV[1])
return {'buried'}
