-- finish: complete a job that has ties: its key and its unique name become free, what follows it is set off, its
-- result is kept for keep_ms (0: not at all); then as complete
-- keys: pending ranked processing runs jobs bodies counters terms control starts bell events errors recent older settled heads waiting blocked uniques chains outbox results progress done
-- argv: slot id token next_token limits keep_ms result
-- uses: line gate claim settle key gone ties
-- moves: processing -> none, processing -> done, waiting -> pending, pending -> processing
-- replies: completed | claimed | empty | paused | limited | stale
local standing, run = standing(slot, id, token)
if standing == 'stale' then return {'stale'} end
if standing == 'owned' then
  leave(slot, id, token)
  local chain = redis.call('HGET', chains, id)
  if chain then redis.call('HSET', outbox, id, chain) end
  if keep_ms == '0' then
    untie(id)
    forget(id, 'completed')
  else
    local agreed = terms_of(id)
    free(id, agreed)
    release_name(id, agreed)
    redis.call('HDEL', chains, id)
    redis.call('HSETNX', terms, id, '- 0 0 - 0 0') -- so that its end finds the result
    redis.call('HSET', results, id, result)
    run.token = '-'
    write_run(id, run)
    redis.call('ZADD', done, whole(now_ms() + tonumber(keep_ms)), id)
  end
  tell('completed', id)
end
local reply = next_token == '' and {'completed'} or standing == 'again' and claimed_before(slot) or claim(slot, next_token, limits)
if standing == 'owned' and reply[1] ~= 'claimed' then wake() end -- else the place is taken again
return reply
