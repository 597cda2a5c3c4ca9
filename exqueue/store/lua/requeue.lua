-- requeue: run failed jobs again, with all their retries, at the end of the line, those of a key at their old place;
-- the history stays
-- keys: failed pending ranked delayed jobs runs counters settled terms heads waiting blocked events
-- argv: request then id for each of up to 100 jobs
-- uses: line key person
-- moves: failed -> pending, failed -> waiting, pending -> waiting
-- replies: requeued, how many, and the positions of those that are not in failed
-- A younger head that stands in the line and has not begun makes room: what is requeued goes before it.
local function displace(id, agreed)
  local head = redis.call('HGET', heads, agreed.key)
  if not head or head == id or seq_of(head) <= seq_of(id) then return end
  if read_run(head).token ~= '-' or redis.call('ZSCORE', delayed, head) or redis.call('ZSCORE', failed, head) then return end
  if not take_out(head) then return end
  redis.call('ZADD', waiting, 0, mention(head, agreed.key))
  redis.call('HDEL', heads, agreed.key)
end

local reply = answered(request)
if reply then return reply end
reply = {'requeued', 0}
for i = 2, #ARGV do
  local id = ARGV[i]
  if redis.call('ZREM', failed, id) == 1 then
    local run, agreed = read_run(id), terms_of(id)
    run.failures, run.crashes, run.token = 0, 0, '-'
    write_run(id, run)
    if agreed and agreed.key ~= '-' then
      if is_head(id, agreed) then redis.call('ZREM', blocked, agreed.key) else displace(id, agreed) end
      if join(id, agreed) then put_back(id) end
    else
      next_seq(id)
      append(id, agreed)
    end
    tell('requeued', id)
    reply[2] = reply[2] + 1
  else
    reply[#reply + 1] = i - 2
  end
end
return answer(request, reply)
