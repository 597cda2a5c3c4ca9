-- The usual claim, before anything that the others need is even defined: the slot holds one job that a BLMOVE has brought,
-- and nothing speaks against it. Everything is read, and fails on a key of the wrong type, before anything is written.
-- keys: pending ranked processing runs jobs bodies counters terms control starts bell events slots

local held = redis.call('LRANGE', processing, 0, 1)
local id = held[1]
if id and not held[2] and limits == '' then
  local attempt, failures, crashes = string.match(redis.call('HGET', runs, id) or '0 0 0 0 -', '^(%d+) (%d+) (%d+) %d+ %-$')
  local header, body, bound = redis.call('HGET', jobs, id), redis.call('HGET', bodies, id), redis.call('HGET', terms, id)
  local sound = true
  for _, number in ipairs(redis.call('HMGET', counters, 'enqueued', 'completed', 'deleted', 'crashed', 'running', 'seq')) do
    sound = sound and (not number or #number < 15 and string.find(number, '^%d+$'))
  end
  redis.call('LLEN', pending)
  redis.call('LLEN', starts)
  redis.call('LLEN', bell)
  redis.call('XLEN', events)
  if attempt and header and sound and redis.call('HLEN', control) == 0 and redis.call('ZCARD', ranked) == 0
     and redis.call('HEXISTS', slots, slot) == 1 then
    local time = redis.call('TIME')
    local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
    redis.call('HDEL', runs, '') -- the first write is one a full server allows
    redis.call('HSET', runs, id, string.format('%d %s %s %s %s', attempt + 1, failures, crashes, now, token))
    redis.call('HINCRBY', counters, 'running', 1)
    redis.call('XADD', events, 'MAXLEN', '~', 10000, '*', 'event', 'claimed', 'job', id, 'more', slot)
    return {'claimed', id, token, attempt + 1, tonumber(failures), tonumber(crashes), tonumber(now), header, body or '', bound or ''}
  end
end
