-- complete: remove a plain job that has succeeded; with a next_token, claim the next one in the same step
-- keys: pending ranked processing runs jobs bodies counters terms control starts bell events errors recent older settled
-- argv: slot id token next_token limits
-- uses: line gate claim settle gone
-- moves: processing -> none, pending -> processing
-- replies: completed | claimed | empty | paused | limited | stale | tied
-- tied: it is not a plain one, `finish` must do it; nothing was changed
local standing = standing(slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  if redis.call('HEXISTS', terms, id) == 1 then return {'tied'} end
  leave(slot, id, token)
  forget(id, 'completed')
  tell('completed', id)
end
local reply = next_token == '' and {'completed'} or standing == 'again' and claimed_before(slot) or claim(slot, next_token, limits)
if standing == 'owned' and reply[1] ~= 'claimed' then wake() end -- else the place is taken again
return reply
