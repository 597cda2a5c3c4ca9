-- complete: remove a job that has succeeded; with a next_token, claim the next one in the same step
-- keys: pending processing runs jobs bodies counters errors recent older settled
-- argv: slot id token next_token
-- uses: settle claim
-- moves: processing -> none, pending -> processing
-- replies: completed | claimed | empty | stale
local pending, processing, runs, jobs, bodies, counters, errors, recent, older, settled = unpack(KEYS)
local slot, id, token, next_token = unpack(ARGV)
local standing = standing(runs, settled, slot, id, token)
if standing == 'owned' then
  leave(processing, settled, slot, id, token)
  forget(jobs, bodies, runs, errors, counters, recent, older, id, 'completed')
elseif standing == 'stale' then
  return {'stale'}
end
if next_token == '' then return {'completed'} end
return claim(pending, processing, runs, jobs, bodies, counters, slot, next_token)
