-- Who may settle: the token of the claim, compared for equality. 'again': this very settlement was done already and
-- its reply was lost; the same answer is owed. 'stale': the job was given to someone else; nothing may change.
-- keys: processing runs settled counters control bell

local function standing(slot, id, token)
  local run = read_run(id)
  if run.token == token then return 'owned', run end
  if redis.call('HGET', settled, slot) == token then return 'again' end
  return 'stale'
end

-- LREM comes before any other write: it is allowed on a full server, and so is then the rest of the script.
local function leave(slot, id, token)
  redis.call('LREM', processing, 1, id)
  redis.call('HSET', settled, slot, token)
  count_end()
end
