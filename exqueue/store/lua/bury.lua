-- bury: forget a closed slot; by now no late BLMOVE of its process can fill it any more
-- keys: graves processing settled
-- argv: slot age_ms
-- moves:
-- replies: buried | kept
-- One that is old is noted to be, and forgotten some seconds later: the clock may have stepped forward just now, and a
-- client that is not alive any more may still block.
local known = redis.call('HGET', graves, slot)
if not known then return {'buried'} end
local died, noted, owner = string.match(known, '^(%d+) ?(%S*)(.*)$')
local now, pause = now_ms(), math.min(10000, tonumber(age_ms))
if redis.call('LLEN', processing) > 0 or now - (tonumber(died) or 0) < tonumber(age_ms) then return {'kept'} end
if pause > 0 and not tonumber(noted) then
  redis.call('HDEL', graves, '') -- the first write is one a full server allows
  redis.call('HSET', graves, slot, (died or 0) .. ' ' .. whole(now) .. (owner or ''))
  return {'kept'}
end
if now - (tonumber(noted) or 0) < pause then return {'kept'} end
redis.call('HDEL', graves, slot)
redis.call('HDEL', settled, slot)
return {'buried'}
