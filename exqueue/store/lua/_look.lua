-- Where a job is, by all that names it. The processing lists are the last keys, one for each slot there is: a step that
-- is not given them all can't tell, and must not act. A slot is what is open, closed, or has settled something; of others
-- a step knows only what it is given.
-- keys: jobs terms pending ranked delayed failed done waiting slots graves settled processing

local LISTS = string.sub(jobs, 1, -5) .. 'processing:'

-- id -> the slots whose lists name it, as often as they do; and slot -> the number of its key. nil if a slot has no key.
local function look_into_slots()
  local holders, known = {}, {}
  for i = 1, #KEYS do
    local slot = string.sub(KEYS[i], 1, #LISTS) == LISTS and string.sub(KEYS[i], #LISTS + 1)
    if slot then
      known[slot] = i
      for _, id in ipairs(redis.call('LRANGE', KEYS[i], 0, -1)) do
        holders[id] = holders[id] or {}
        table.insert(holders[id], slot)
      end
    end
  end
  for _, slot in ipairs(redis.call('HKEYS', slots)) do if not known[slot] then return nil end end
  for _, slot in ipairs(redis.call('HKEYS', graves)) do if not known[slot] then return nil end end
  for _, slot in ipairs(redis.call('HKEYS', settled)) do if not known[slot] and slot ~= 'by hand' then return nil end end
  return holders, known
end

-- What the processing lists hold together: ids, bells; and of the ids, those not claimed, and those claimed for that slot.
local function count_held(holders)
  local ids, bells, idle, running = 0, 0, 0, 0
  for id, names in pairs(holders) do
    for _, slot in ipairs(names) do
      local token = id == '!' and '!' or read_run(id).token
      if token == '!' then bells = bells + 1 else ids = ids + 1 end
      if token == '-' then idle = idle + 1 end
      if string.sub(token, 1, #slot + 1) == slot .. '/' then running = running + 1 end
    end
  end
  return ids, bells, idle, running
end

local function mention_of(id, agreed)
  return agreed and agreed.key ~= '-' and mention(id, agreed.key)
end

-- `exact`: also look through `pending`, which takes the longer the more there is; `line`: where it names the id.
local function look(id, holders, agreed, exact)
  local mentioned = mention_of(id, agreed)
  return {
    line = exact and redis.call('LPOS', pending, id, 'COUNT', 0) or {},
    ranked = redis.call('ZSCORE', ranked, id),
    delayed = redis.call('ZSCORE', delayed, id),
    failed = redis.call('ZSCORE', failed, id),
    done = redis.call('ZSCORE', done, id),
    waits = mentioned and redis.call('ZSCORE', waiting, mentioned) and 1 or 0,
    held = holders[id] or {},
  }
end
