-- batch: remove plain jobs that have succeeded, all in one step; with a `first` number for their tokens, claim up to `most`
-- plain jobs that stand next and never began. As complete, for several
-- keys: pending ranked processing runs jobs bodies counters terms control errors recent older settled slots events
-- argv: slot first most then id token for each of up to 100 jobs that have succeeded
-- uses: gone
-- moves: processing -> none, pending -> processing
-- replies: claimed | completed | empty | unusual | unregistered
-- claimed: then id, run, header and body of each; unusual: it is for `finish` and `claim`, and nothing was changed
local done, tokens = {}, {}
for i = 4, #ARGV, 2 do done[#done + 1], tokens[#tokens + 1] = ARGV[i], ARGV[i + 1] end
local count, held = #done, redis.call('LRANGE', processing, 0, 100)
local open = redis.call('HEXISTS', slots, slot) == 1
if count == 0 and not open then return {'unregistered'} end
local again = count > 0 and redis.call('HGET', settled, slot) == tokens[count]

-- Those at the head of this list that began once, have no ties, and have the token that `is_mine` knows; and their runs.
local function started(list, is_mine)
  if not list[1] then return {}, {} end
  local ids, found = {}, redis.call('HMGET', runs, unpack(list))
  local bound = redis.call('HMGET', terms, unpack(list))
  for i, id in ipairs(list) do
    local token = string.match(found[i] or '', '^1 0 0 %d+ (.+)$')
    if bound[i] or not token or not is_mine(i, token) then break end
    ids[i] = id
  end
  return ids, found
end

-- How many at the head of this list may begin together: they never began, have no ties, are named once, and there is not
-- more than a megabyte of them: a process holds all of it, and the server waits for nobody.
local function fresh(list)
  local found, bound = redis.call('HMGET', runs, unpack(list)), redis.call('HMGET', terms, unpack(list))
  local headers, seen, size = redis.call('HMGET', jobs, unpack(list)), {}, 0
  for i, id in ipairs(list) do
    size = size + redis.call('HSTRLEN', bodies, id)
    local new = string.find(found[i] or '0 0 0 0 -', '^0 0 0 %d+ %-$')
    if (i > 1 and size > 1048576) or seen[id] or bound[i] or not headers[i] or not new then return i - 1 end
    seen[id] = true
  end
  return #list
end

local function claimed(ids, found)
  local reply, headers, pickles = {'claimed'}, redis.call('HMGET', jobs, unpack(ids)), redis.call('HMGET', bodies, unpack(ids))
  for i, id in ipairs(ids) do
    for _, part in ipairs({id, found[i], headers[i] or '', pickles[i] or ''}) do reply[#reply + 1] = part end
  end
  return reply
end

local function settle()
  redis.call('LTRIM', processing, count, -1) -- the first write is one a full server allows
  redis.call('HDEL', runs, unpack(done))
  redis.call('HDEL', jobs, unpack(done))
  redis.call('HDEL', bodies, unpack(done))
  redis.call('HDEL', errors, unpack(done)) -- of a start that was taken back
  redis.call('HSET', settled, slot, tokens[count])
  redis.call('HINCRBY', counters, 'running', -count)
  local gone = redis.call('HINCRBY', counters, 'completed', count)
  redis.call('SADD', recent, unpack(done))
  turn_over(gone, count)
  for _, id in ipairs(done) do tell('completed', id) end
end

if not again then
  local running = tonumber(redis.call('HGET', counters, 'running') or 0)
  local ours = started({unpack(held, 1, count)}, function(i, token) return held[i] == done[i] and token == tokens[i] end)
  if redis.call('HLEN', control) > 0 or #ours < count or running < count then return {'unusual'} end
  if count > 0 then settle() end
  held = {unpack(held, count + 1)}
end
if first == '' or not open then return {'completed'} end
local before, known = started(held, function(_, token) return string.sub(token, 1, #slot + 1) == slot .. '/' end)
if before[1] then return claimed(before, known) end -- asked again
local other = {count > 0 and 'completed' or 'unusual'}
if again or held[2] or redis.call('ZCARD', ranked) > 0 then return other end
local line = redis.call('LRANGE', pending, 0, most - 1 - #held)
if not held[1] and not line[1] then return {count > 0 and 'completed' or 'empty'} end
local next = {held[1], unpack(line)}
if not held[1] then next = line end
next = {unpack(next, 1, fresh(next))}
if not next[1] then return other end
local now, stamps, states = whole(now_ms()), {}, {}
for i, id in ipairs(next) do
  states[i] = '1 0 0 ' .. now .. ' ' .. slot .. '/' .. whole(first + i - 1)
  stamps[2 * i - 1], stamps[2 * i] = id, states[i]
end
redis.call('LTRIM', pending, #next - #held, -1) -- the first write is one a full server allows
if next[#held + 1] then redis.call('RPUSH', processing, unpack(next, #held + 1)) end
redis.call('HSET', runs, unpack(stamps))
redis.call('HINCRBY', counters, 'running', #next)
for _, id in ipairs(next) do tell('claimed', id, slot) end
return claimed(next, states)
