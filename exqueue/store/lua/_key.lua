-- Ordering keys: one job of a key is at its head, from when it may run until its outcome is committed, through retries
-- and crashes; the others wait, in the order of seq. A head in `failed` that blocks keeps its place.
-- keys: heads waiting blocked pending ranked jobs terms events

local function is_head(id, agreed) return agreed and agreed.key ~= '-' and redis.call('HGET', heads, agreed.key) == id end

-- Whether the job may go to the line: it is at the head of its key now, or has none. Else it waits.
local function join(id, agreed)
  if not agreed or agreed.key == '-' then return true end
  if redis.call('HSETNX', heads, agreed.key, id) == 1 then return true end
  redis.call('ZADD', waiting, 0, mention(id, agreed.key))
  return false
end

-- The oldest that waits becomes the head of the key, and goes to the line.
local function advance(key)
  redis.call('ZREM', blocked, key)
  redis.call('HDEL', heads, key)
  local next = redis.call('ZRANGEBYLEX', waiting, '[' .. key .. ' ', '(' .. key .. '!', 'LIMIT', 0, 1)[1]
  if not next then return end
  redis.call('ZREM', waiting, next)
  local id = string.match(next, '^%S+ %d+ (.+)$') or next
  redis.call('HSET', heads, key, id)
  put_back(id)
end

-- The job leaves the head of its key; the next one takes its place.
local function free(id, agreed)
  if is_head(id, agreed) then advance(agreed.key) end
end

-- What failed for good blocks its key, or gives way.
local function hold_or_free(id)
  local agreed = terms_of(id)
  if not is_head(id, agreed) then return end
  if not agreed.blocks then return free(id, agreed) end
  redis.call('ZADD', blocked, whole(now_ms()), agreed.key)
  tell('blocked', id, agreed.key)
end
