-- complete: remove a plain job that has succeeded; with a next_token, claim the next one in the same step. As finish, in
-- as few commands as there can be: everything is read, and fails on a key of the wrong type, before anything is written
-- keys: pending ranked processing runs jobs bodies counters terms control events errors recent settled
-- argv: slot id token next_token
-- checks: itself
-- moves: processing -> none, pending -> processing
-- replies: completed | claimed | empty | unusual
-- unusual: it is for `finish`, as a job is that has ties or a history, or is not held any more, and a queue that has
-- priorities, is paused or limited, or has a bell at the head of its line; nothing was changed
local held = redis.call('LRANGE', processing, 0, 1)
local next = redis.call('LINDEX', pending, 0)
local run = redis.call('HMGET', runs, id, next or id)
local bound = redis.call('HMGET', terms, id, next or id)
local numbers = redis.call('HMGET', counters, 'completed', 'running')
local completed, running = numbers[1] or '0', numbers[2] or '0'
local kept = redis.call('SCARD', recent)
redis.call('HLEN', settled)
redis.call('XLEN', events)
if held[1] ~= id or held[2] or bound[1] or redis.call('HEXISTS', errors, id) == 1 or redis.call('HLEN', control) > 0
   or redis.call('ZCARD', ranked) > 0 or not string.find(run[1] or '', '^1 0 0 %d+ ') or string.sub(run[1], -#token - 1) ~= ' ' .. token
   or #completed > 14 or #running > 14 or not string.find(completed, '^%d+$') or not string.find(running, '^[1-9]%d*$')
   or (kept >= 9999 and (completed + 1) % 1000 == 0) then return {'unusual'} end
completed = whole(completed + 1)
local reply = {next_token == '' and 'completed' or 'empty'}
if next and next_token ~= '' then
  local attempt, failures, crashes = string.match(run[2] or '0 0 0 0 -', '^(%d+) (%d+) (%d+) %d+ %-$')
  local header, body = redis.call('HGET', jobs, next), redis.call('HGET', bodies, next)
  if not header or not attempt then return {'unusual'} end
  local now = now_ms()
  attempt = attempt + 1
  reply = {'claimed', next, next_token, attempt, tonumber(failures), tonumber(crashes), now, header, body or '', bound[2] or ''}
  redis.call('LPOP', pending) -- the first write is one a full server allows
  redis.call('LSET', processing, 0, next)
  redis.call('HSET', runs, next, string.format('%d %s %s %d %s', attempt, failures, crashes, now, next_token))
  redis.call('HSET', counters, 'completed', completed)
else
  redis.call('HLEN', jobs)
  redis.call('HLEN', bodies)
  redis.call('LPOP', processing) -- the first write is one a full server allows
  redis.call('HSET', counters, 'completed', completed, 'running', whole(running - 1))
end
redis.call('HDEL', runs, id)
redis.call('HDEL', jobs, id)
redis.call('HDEL', bodies, id)
redis.call('HSET', settled, slot, token)
redis.call('SADD', recent, id)
tell('completed', id)
if reply[1] == 'claimed' then tell('claimed', next, slot) end
return reply
