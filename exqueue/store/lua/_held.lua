-- The usual claim, before anything that the others need is even defined: the slot holds one job that a BLMOVE has brought,
-- and nothing speaks against it. Everything is read, and fails on a key of the wrong type, before anything is written.
-- keys: pending ranked processing runs jobs bodies counters terms control starts bell events slots

local held = redis.call('LRANGE', processing, 0, 1)
local id = held[1]
if id and not held[2] and limits == '' then
  local attempt, failures, crashes = string.match(redis.call('HGET', runs, id) or '0 0 0 0 -', '^(%d+) (%d+) (%d+) %d+ %-$')
  local header, body, bound = redis.call('HGET', jobs, id), redis.call('HGET', bodies, id), redis.call('HGET', terms, id)
  local wrong = bad_counter()
  redis.call('LLEN', pending)
  redis.call('LLEN', starts)
  redis.call('LLEN', bell)
  redis.call('XLEN', events)
  if attempt and header and not wrong and redis.call('HLEN', control) == 0 and redis.call('ZCARD', ranked) == 0
     and redis.call('HEXISTS', slots, slot) == 1 then
    local now = now_ms()
    redis.call('HDEL', runs, '') -- the first write is one a full server allows
    redis.call('HSET', runs, id, string.format('%d %s %s %d %s', attempt + 1, failures, crashes, now, token))
    redis.call('HINCRBY', counters, 'running', 1)
    tell('claimed', id, slot)
    return {'claimed', id, token, attempt + 1, tonumber(failures), tonumber(crashes), now, header, body or '', bound or ''}
  end
end
