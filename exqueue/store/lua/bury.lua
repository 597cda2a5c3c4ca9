-- bury: forget a closed slot; by now no late BLMOVE of its process can fill it any more
-- keys: graves processing settled
-- argv: slot age_ms
-- moves:
-- replies: buried | kept
local died = tonumber(redis.call('HGET', graves, slot) or '0') or 0
if redis.call('LLEN', processing) > 0 or now_ms() - died < tonumber(age_ms) then return {'kept'} end
redis.call('HDEL', graves, slot)
redis.call('HDEL', settled, slot)
return {'buried'}
