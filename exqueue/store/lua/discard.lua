-- discard: remove a job that was stopped because a person wanted it; its key goes on
-- keys: processing pending ranked jobs bodies runs errors counters recent older settled control starts bell terms heads waiting blocked uniques chains results progress events
-- argv: slot id token
-- uses: line gate settle key gone ties
-- moves: processing -> none, waiting -> pending
-- replies: discarded | stale
local standing = standing(slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  leave(slot, id, token)
  wake()
  untie(id)
  forget(id, 'deleted')
  tell('discarded', id)
end
return {'discarded'}
