-- retie: set right what ties jobs to others: their terms, the head of their key and whether that is blocked, their unique name
-- keys: jobs runs terms chains uniques heads waiting blocked pending ranked delayed failed done events slots graves settled processing
-- argv: id key for each of up to 50 jobs
-- uses: line key look
-- moves: pending -> waiting, waiting -> pending
-- replies: retied, then for each what was done, empty for nothing | changed
local holders, known = look_into_slots()
if not holders then return {'changed'} end
redis.call('HDEL', heads, '') -- a write that a full server allows must come first

-- Terms that are gone, of a job that is nowhere but where it waits for its key. A head without terms is left alone: what
-- waits behind it must not pass.
local function rebuild(id, key)
  if redis.call('HEXISTS', terms, id) == 1 or string.find(key, '%s') then return false end
  local at = look(id, holders, nil, true)
  if #at.line + #at.held > 0 or at.ranked or at.delayed or at.failed or at.done then return false end
  if not redis.call('ZSCORE', waiting, mention(id, key)) then return false end
  redis.call('HSET', terms, id, string.format('%s 0 1 - 0 %d', key, redis.call('HEXISTS', chains, id)))
  return 'terms'
end

local function of_key(id, key)
  local agreed = terms_of(id)
  return agreed and agreed.key == key
end

-- Whether no other job of the key is under way. Where there are too many to look at, nobody can tell: then it is not.
local function idle(key)
  if redis.call('ZSCORE', blocked, key) then return false end
  if redis.call('LLEN', pending) + redis.call('ZCARD', ranked) + redis.call('ZCARD', delayed) > 5000 then return false end
  for id in pairs(holders) do if of_key(id, key) then return false end end
  for _, id in ipairs(redis.call('LRANGE', pending, 0, -1)) do if of_key(id, key) then return false end end
  for _, id in ipairs(redis.call('ZRANGE', ranked, 0, -1)) do if of_key(id, key) then return false end end
  for _, id in ipairs(redis.call('ZRANGE', delayed, 0, -1)) do if read_run(id).since > 0 and of_key(id, key) then return false end end
  return true
end

-- The head; and whether nobody can tell that it is of this key, because it has no terms.
local function head_of(key)
  local head = redis.call('HGET', heads, key)
  local there = head and redis.call('HEXISTS', jobs, head) == 1
  local agreed = there and terms_of(head)
  if there and not agreed and not redis.call('ZSCORE', done, head) then return head, true end
  local wrong = head and (not agreed or agreed.key ~= key or redis.call('ZSCORE', done, head)
                          or redis.call('ZSCORE', waiting, mention(head, key)))
  if wrong then redis.call('HDEL', heads, key) end
  return not wrong and head
end

-- It failed when its key was blocked: one step has written both times.
local function blocks(at, since) return at.failed and since and math.abs(since - at.failed) <= 100 end

local function mend_key(id, key, agreed, at)
  local head, unsure = head_of(key)
  local run, since = read_run(id), redis.call('ZSCORE', blocked, key)
  local ready = #at.line > 0 or at.ranked or #at.held > 0
  local begun = run.since > 0 and (at.delayed or (#at.held > 0 and run.token ~= '-'))
  if (unsure and begun) or (not head and (ready or begun or blocks(at, since))) then
    redis.call('HSET', heads, key, id)
    return 'head'
  elseif not head and at.waits == 1 and idle(key) then
    advance(key)
    return 'head'
  elseif head and head ~= id and ready and run.token == '-' then
    for _, slot in ipairs(at.held) do
      local i = known[slot]
      redis.call('LREM', KEYS[i], 0, id)
    end
    holders[id] = nil
    take_out(id)
    redis.call('ZADD', waiting, 0, mention(id, key))
    ring()
    return 'waiting'
  elseif head == id and at.failed and not since then
    redis.call('ZADD', blocked, at.failed, key)
    return 'blocked'
  elseif head == id and since and not at.failed then
    redis.call('ZREM', blocked, key)
    return 'blocked'
  end
end

local function mend_name(id, name, at)
  local owner = redis.call('HGET', uniques, name)
  if at.done or owner == id then return end
  local theirs = owner and redis.call('HEXISTS', jobs, owner) == 1 and terms_of(owner)
  if theirs and theirs.unique == name then return end
  redis.call('HSET', uniques, name, id)
  return 'unique'
end

local function retie(id, key)
  if redis.call('HEXISTS', jobs, id) == 0 then return '' end
  local did = rebuild(id, key)
  local agreed = terms_of(id)
  if agreed and not did then
    local at = look(id, holders, agreed, true)
    did = agreed.key ~= '-' and mend_key(id, agreed.key, agreed, at) or agreed.unique ~= '-' and mend_name(id, agreed.unique, at)
  end
  if did then tell('repaired', id, did) end
  return did or ''
end

local reply = {'retied'}
for n = 1, #ARGV, 2 do reply[#reply + 1] = retie(ARGV[n], ARGV[n + 1]) end
return reply
