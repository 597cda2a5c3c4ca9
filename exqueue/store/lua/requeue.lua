-- requeue: run failed jobs again, with all their retries, at the end of the line, those of a key at their old place;
-- the history stays
-- keys: failed pending ranked delayed jobs runs counters settled terms heads waiting blocked progress events
-- argv: request then id for each of up to 100 jobs
-- uses: line key person
-- moves: failed -> pending, failed -> waiting, pending -> waiting, waiting -> pending
-- replies: requeued, how many, and the positions of those that are not in failed
-- A younger head that stands in the line and has not begun makes room: what is requeued goes before it.
local function makes_room(head, id)
  if seq_of(head) <= seq_of(id) or read_run(head).since > 0 then return false end
  return not redis.call('ZSCORE', delayed, head) and not redis.call('ZSCORE', failed, head) and take_out(head)
end

-- Behind what has begun or blocks the key; else all that wait begin anew with the oldest, which may be another one.
local function rejoin(id, agreed)
  local head = redis.call('HGET', heads, agreed.key)
  redis.call('ZADD', waiting, 0, mention(id, agreed.key))
  if head and head ~= id then
    if not makes_room(head, id) then return end
    redis.call('ZADD', waiting, 0, mention(head, agreed.key))
  end
  advance(agreed.key)
end

return for_each('requeued', request, function(id)
  if redis.call('ZREM', failed, id) == 0 then return false end
  local run, agreed = read_run(id), terms_of(id)
  run.failures, run.crashes, run.since, run.token = 0, 0, 0, '-' -- as if it had never begun
  write_run(id, run)
  redis.call('HDEL', progress, id)
  if agreed and agreed.key ~= '-' then
    rejoin(id, agreed)
  else
    next_seq(id)
    append(id, agreed)
  end
  tell('requeued', id)
  return true
end)
