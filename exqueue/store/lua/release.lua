-- release: put a job back at the head of its queue, at its old place; the start does not count
-- keys: pending processing runs jobs settled
-- argv: slot id token
-- uses: settle
-- moves: processing -> pending
-- replies: released | stale
local pending, processing, runs, jobs, settled = unpack(KEYS)
local slot, id, token = unpack(ARGV)
local standing, run = standing(runs, settled, slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  leave(processing, settled, slot, id, token)
  run.attempt, run.token = run.attempt - 1, '-'
  write_run(runs, id, run)
  put_back(pending, jobs, id)
end
return {'released'}
