-- discard: remove a job that was stopped while it ran, because a person asked for that
-- keys: processing jobs bodies runs errors counters recent older settled
-- argv: slot id token
-- uses: settle
-- moves: processing -> none
-- replies: discarded | stale
local processing, jobs, bodies, runs, errors, counters, recent, older, settled = unpack(KEYS)
local slot, id, token = unpack(ARGV)
local standing = standing(runs, settled, slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  leave(processing, settled, slot, id, token)
  forget(jobs, bodies, runs, errors, counters, recent, older, id, 'deleted')
end
return {'discarded'}
