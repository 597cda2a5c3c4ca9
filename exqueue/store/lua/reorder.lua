-- reorder: bring jobs that stand in the line at a wrong place to their own
-- keys: pending ranked jobs terms events
-- argv: id for each of up to 100 jobs
-- uses: line
-- moves:
-- replies: reordered, then for each 1 if it was moved
local reply = {'reordered'}
redis.call('LREM', pending, 1, '') -- a write that a full server allows must come first
for n, id in ipairs(ARGV) do
  local before, listed = redis.call('ZSCORE', ranked, id), redis.call('LREM', pending, 0, id)
  if before or listed > 0 then put_back(id) end
  local moved = listed > 0 or redis.call('ZSCORE', ranked, id) ~= before
  if moved then tell('repaired', id, 'pending') end
  reply[n + 1] = moved and 1 or 0
end
return reply
