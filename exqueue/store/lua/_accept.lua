-- Accept one job. Answers with the id it is known by if it is known: the id was accepted before, or another job has its
-- unique name; nothing is written then. `due`: '' for now, '+ms' from now on, or ms since 1970.
-- keys: jobs bodies pending ranked delayed waiting heads blocked terms uniques chains counters recent older events

local function due_at(due)
  if due == '' then return 0 end
  local ms, now = tonumber(string.match(due, '%d+')) or 0, now_ms()
  if string.sub(due, 1, 1) == '+' then ms = ms + now end
  return ms > now and ms or 0
end

local function known(id, agreed)
  if redis.call('HEXISTS', jobs, id) == 1 or redis.call('SISMEMBER', recent, id) == 1
     or redis.call('SISMEMBER', older, id) == 1 then return id end
  local twin = agreed and agreed.unique ~= '-' and redis.call('HGET', uniques, agreed.unique)
  return twin and redis.call('HEXISTS', jobs, twin) == 1 and twin
end

local function bind(id, agreed, chain)
  if agreed.expires > 0 then agreed.expires = now_ms() + agreed.expires end
  redis.call('HSET', terms, id, string.format('%s %d %d %s %.0f %s', agreed.key, agreed.priority, agreed.blocks and 1 or 0,
                                              agreed.unique, agreed.expires, agreed.chained))
  if agreed.unique ~= '-' then redis.call('HSET', uniques, agreed.unique, id) end
  if chain ~= '' then redis.call('HSET', chains, id, chain) end
end

local function accept(id, header, body, text, chain, due)
  local agreed = parse_terms(text)
  local before = known(id, agreed)
  if before then return before end
  local later = due_at(due)
  local first = redis.call('HINCRBY', counters, 'enqueued', 1) == 1
  local seq = later == 0 and redis.call('HINCRBY', counters, 'seq', 1) or 0
  redis.call('HSET', jobs, id, '{"seq":' .. whole(seq) .. ',' .. string.sub(header, 2))
  redis.call('HSET', bodies, id, body)
  if agreed then bind(id, agreed, chain) end
  if later > 0 then
    redis.call('ZADD', delayed, whole(later), id)
  elseif join(id, agreed) then
    append(id, agreed)
  end
  tell('enqueued', id)
  return nil, first
end
