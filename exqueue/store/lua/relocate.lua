-- relocate: bring jobs that are in no place, or in several, to one; make a job of an id that has no header
-- keys: jobs bodies runs terms errors chains results heads waiting blocked pending ranked delayed failed done events slots graves settled processing
-- argv: error long_gone then id for each of up to 100 jobs
-- uses: line key errors look lost
-- moves: none -> failed, none -> processing
-- replies: relocated, then for each where it is now, empty where nothing was done | changed
-- long_gone: 1 if slots that are neither open nor closed were so for a whole lease, so that their processes are dead
-- Of a job under the token of a slot whose list is not among the keys nothing is done.
local holders, known = look_into_slots()
if not holders then return {'changed'} end

local function holds(at, slot)
  for _, name in ipairs(at.held) do if name == slot then return true end end
end

local function is_known(slot) return redis.call('HEXISTS', slots, slot) == 1 or redis.call('HEXISTS', graves, slot) == 1 end

-- Whether the slot's process runs another job: then it does not run this one, whatever its token says.
local function is_busy(slot, id)
  for other, names in pairs(holders) do
    for _, name in ipairs(names) do
      if name == slot and other ~= id and string.sub(read_run(other).token, 1, #slot + 1) == slot .. '/' then return true end
    end
  end
end

-- The slot that must hold it, by its token; false if nobody has it any more, nil if nobody can tell: never without its list.
local function owner_of(id, run, at)
  if run.token == '-' then return false end
  local slot = string.match(run.token, '^(.*)/')
  if slot and not known[slot] then return nil end
  if slot and holds(at, slot) then return slot end
  if slot and redis.call('HEXISTS', slots, slot) == 1 then return not is_busy(slot, id) and slot end
  if not slot or redis.call('HEXISTS', graves, slot) == 1 or long_gone == '1' then return false end
end

-- Which of its places it keeps: where it does not run again by itself before all others, done only with a result.
local function choose(id, at, agreed)
  if at.done and redis.call('HEXISTS', results, id) == 1 then return 'done' end
  if at.failed then return 'failed' end
  if at.waits == 1 and not is_head(id, agreed) then return 'waiting' end
  for _, slot in ipairs(at.held) do if is_known(slot) then return 'processing', slot end end
  if #at.line > 0 or at.ranked then return 'pending' end
  if at.delayed then return 'delayed' end
  if at.waits == 1 then return 'waiting' end
  if at.held[1] then return 'processing', at.held[1] end
  return at.done and 'done' or 'lost'
end

-- In the list it stays in its place is kept, too: what is asked for again is the first.
local function leave_lists(id, at, slot)
  local mentions = 0
  for _, name in ipairs(at.held) do
    local i = known[name]
    if name ~= slot then redis.call('LREM', KEYS[i], 0, id) else mentions = mentions + 1 end
    if name == slot and mentions > 1 then redis.call('LREM', KEYS[i], -1, id) end
  end
end

local function keep(id, at, agreed, place, slot)
  leave_lists(id, at, slot)
  if place == 'pending' and (#at.line > 1 or at.ranked) or place ~= 'pending' then redis.call('LREM', pending, 0, id) end
  if place ~= 'pending' then redis.call('ZREM', ranked, id) elseif #at.line > 1 or at.ranked then put_back(id) end
  if place ~= 'delayed' then redis.call('ZREM', delayed, id) end
  if place ~= 'failed' then redis.call('ZREM', failed, id) end
  if place ~= 'done' then redis.call('ZREM', done, id) end
  if place ~= 'waiting' and at.waits == 1 then redis.call('ZREM', waiting, mention_of(id, agreed)) end
  if slot and not holds(at, slot) then
    local i = known[slot]
    redis.call('RPUSH', KEYS[i], id)
  end
  ring() -- it may have been the last in `pending`, but not the last of the line
end

local function relocate(id)
  local agreed, run = terms_of(id), read_run(id)
  local at = look(id, holders, agreed, true)
  local there = #at.line + #at.held + at.waits + (at.ranked and 1 or 0) + (at.delayed and 1 or 0) + (at.failed and 1 or 0) + (at.done and 1 or 0)
  local header, body = redis.call('HEXISTS', jobs, id), redis.call('HEXISTS', bodies, id)
  if header + body + there + redis.call('HEXISTS', chains, id) == 0 then return '' end
  local owner = owner_of(id, run, at)
  if owner == nil then return '' end
  local raw = redis.call('HGET', runs, id)
  local unread = raw and not string.match(raw, '^%d+ %d+ %d+ %d+ .+$') and #at.held == 0
  local misheld = run.token ~= '-' and (not owner or not holds(at, owner))
  if header == 1 and there == 1 and not misheld and not unread then return '' end
  redis.call('HDEL', jobs, '') -- a write that a full server allows must come first
  adopt(id)
  if unread or (misheld and not owner) then
    run.token = '-'
    write_run(id, run)
  end
  local place, slot
  if owner then place, slot = 'processing', owner else place, slot = choose(id, at, agreed) end
  if place == 'lost' then give_up(id, error) else keep(id, at, agreed, place, slot) end
  holders[id] = slot and {slot} or nil -- it may be named twice
  place = place == 'lost' and 'failed' or place
  tell('repaired', id, place)
  return place
end

local reply = {'relocated'}
for n = 3, #ARGV do reply[n - 1] = relocate(ARGV[n]) end
return reply
