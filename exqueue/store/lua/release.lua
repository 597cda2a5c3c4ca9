-- release: put a job back at its place in the line, at the head of its key; the start does not count
-- keys: pending ranked processing runs jobs terms settled counters control starts bell events stops
-- argv: slot id token
-- uses: line gate settle
-- moves: processing -> pending
-- replies: released | stale | stopped
-- stopped: a person wanted this start to be stopped, so `discard` must settle it; nothing was changed
local standing, run = standing(slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  if redis.call('HGET', stops, id) == token then return {'stopped'} end
  leave(slot, id, token)
  wake()
  run.attempt, run.since, run.token = run.attempt - 1, 0, '-'
  write_run(id, run)
  put_back(id)
  begun(id)
  tell('released', id)
end
return {'released'}
