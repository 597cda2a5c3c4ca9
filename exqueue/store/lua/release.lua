-- release: put a job back at its place in the line, at the head of its key; the start does not count
-- keys: pending ranked processing runs jobs terms settled counters control starts bell events
-- argv: slot id token
-- uses: line gate settle
-- moves: processing -> pending
-- replies: released | stale
local standing, run = standing(slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  leave(slot, id, token)
  run.attempt, run.token = run.attempt - 1, '-'
  write_run(id, run)
  put_back(id)
  tell('released', id)
end
return {'released'}
