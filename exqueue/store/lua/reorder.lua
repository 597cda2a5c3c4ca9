-- reorder: bring jobs that stand in the line at a wrong place to their own; one with a number it never came to to a new one
-- keys: pending ranked waiting jobs terms counters events
-- argv: id for each of up to 100 jobs
-- uses: line
-- moves:
-- replies: reordered, then for each 1 if it was moved, and `renumbered` if it was given a new number
local reply = {'reordered'}
local _, numbers = bad_counter()
redis.call('LREM', pending, 1, '') -- a write that a full server allows must come first

local function is_far(id)
  local digits = digits_of(id)
  return digits and #digits > 12 and (#digits > 14 or tonumber(digits) > numbers[6])
end

-- The newest number, wherever it is; where it waits for its key it is named by that, too.
local function renumber(id)
  local agreed = terms_of(id)
  local waits = agreed and agreed.key ~= '-' and redis.call('ZREM', waiting, mention(id, agreed.key)) == 1
  next_seq(id)
  if waits then redis.call('ZADD', waiting, 0, mention(id, agreed.key)) end
end

local function reorder(id)
  local far = is_far(id)
  if far then renumber(id) end
  local before, listed = redis.call('ZSCORE', ranked, id), redis.call('LREM', pending, 0, id)
  if before or listed > 0 then put_back(id) end
  local moved = listed > 0 or redis.call('ZSCORE', ranked, id) ~= before
  if far or moved then tell('repaired', id, far and 'renumbered' or 'pending') end
  return far and 'renumbered' or moved and 1 or 0
end

for n, id in ipairs(ARGV) do reply[n + 1] = reorder(id) end
return reply
