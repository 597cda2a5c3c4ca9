-- Whether jobs of this queue may begin now. `limits`: how many may run at once, and how many may start in how many ms,
-- each 0 for any number; empty for neither. Worker processes that found it closed wait for a bell of their own.
-- keys: control counters starts bell

local function closed(limits)
  if redis.call('HEXISTS', control, 'paused') == 1 then return {'paused'} end
  local most, count, window = string.match(limits, '^(%d+) (%d+) (%d+)$')
  if not most then return nil end
  if tonumber(most) > 0 and tonumber(redis.call('HGET', counters, 'running') or 0) >= tonumber(most) then
    redis.call('HDEL', control, '') -- a write that a full server allows must come first
    redis.call('HSET', control, 'crowded', 1)
    return {'limited', ''}
  end
  if tonumber(count) > 0 and redis.call('LLEN', starts) >= tonumber(count) then
    local wait = tonumber(redis.call('LINDEX', starts, -count)) + tonumber(window) - now_ms()
    if wait > tonumber(window) then redis.call('UNLINK', starts) return nil end -- the server's clock stepped back
    if wait > 0 then return {'limited', whole(wait)} end
  end
end

local function count_start(limits, now)
  redis.call('HINCRBY', counters, 'running', 1)
  local count = tonumber(string.match(limits, '^%d+ (%d+) ') or 0)
  if count == 0 then return end
  redis.call('RPUSH', starts, whole(now))
  redis.call('LTRIM', starts, -count, -1)
end

local function count_end()
  if tonumber(redis.call('HGET', counters, 'running') or 0) > 0 then redis.call('HINCRBY', counters, 'running', -1) end
end

-- A place is free: one process is woken. Bells that pile up are heard by nobody, so nobody waits any more.
local function wake()
  if redis.call('HEXISTS', control, 'crowded') == 0 then return end
  if redis.call('LLEN', bell) < 16 then redis.call('RPUSH', bell, '!') else redis.call('HDEL', control, 'crowded') end
end
