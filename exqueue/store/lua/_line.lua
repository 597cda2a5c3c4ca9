-- The line: jobs that are ready to run, higher priority first, then by seq. `pending` has those of priority 0 that joined
-- at the end, in order; `ranked` has all others, by score: those with a priority, and those that come back to their
-- place. While `ranked` has any, `pending` is not empty, if need be by a bell: idle worker processes wait there.
-- keys: pending ranked jobs terms

local BELL = '!'

local function ring()
  if redis.call('LLEN', pending) == 0 and redis.call('ZCARD', ranked) > 0 then redis.call('RPUSH', pending, BELL) end
end

-- To its place in the line; 2^42 numbers of the line for each priority, so that a double holds the score exactly.
local function put_back(id)
  local priority = (terms_of(id) or {priority = 0}).priority
  redis.call('ZADD', ranked, whole(seq_of(id) - priority * 4398046511104), id)
  ring()
end

-- To the end of those of its priority; its seq is the newest.
local function append(id, agreed)
  if agreed and agreed.priority ~= 0 then put_back(id) else redis.call('RPUSH', pending, id) end
end

local function overtaken(id)
  local top = redis.call('ZRANGE', ranked, 0, 0, 'WITHSCORES')
  return top[1] and tonumber(top[2]) < seq_of(id)
end

-- The first of the line, no longer in it. Pops before it writes anything else: a full server allows it then.
local function take_first()
  local id = redis.call('LPOP', pending)
  if id == BELL then id = redis.call('LPOP', pending) end
  local top = redis.call('ZRANGE', ranked, 0, 0, 'WITHSCORES')
  if not top[1] then return id end
  if id and seq_of(id) > tonumber(top[2]) then
    redis.call('LPUSH', pending, id)
    id = nil
  end
  if not id then
    id = top[1]
    redis.call('ZREM', ranked, id)
  end
  ring()
  return id
end

-- Out of the line, wherever it stands in it.
local function take_out(id)
  if redis.call('ZREM', ranked, id) == 1 then return true end
  return redis.call('LREM', pending, 1, id) == 1
end
