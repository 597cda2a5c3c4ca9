-- resign: put what is signed anew in the place of what was read, for bodies, chains, outbox or results; what has
-- changed since, and what belongs to a job that runs, stays as it is
-- keys: bodies chains outbox results runs
-- argv: what then id old new for each of up to 100 jobs
-- moves:
-- replies: resigned, how many, and the positions of those that stay
local function held(id)
  if what == 'bodies' then return redis.call('HGET', bodies, id) end
  if what == 'chains' then return redis.call('HGET', chains, id) end
  if what == 'outbox' then return redis.call('HGET', outbox, id) end
  return redis.call('HGET', results, id)
end

local function put(id, new)
  if what == 'bodies' then redis.call('HSET', bodies, id, new)
  elseif what == 'chains' then redis.call('HSET', chains, id, new)
  elseif what == 'outbox' then redis.call('HSET', outbox, id, new)
  else redis.call('HSET', results, id, new) end
end

local reply = {'resigned', 0}
redis.call('HDEL', runs, '') -- a write that a full server allows must come first
for i = 2, #ARGV, 3 do
  local id, old, new = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local now = held(id)
  -- A claim that is asked again must answer the same, so the body of a job that runs is not touched.
  if now == old and now ~= new and (what == 'outbox' or read_run(id).token == '-') then
    put(id, new)
    now = new
  end
  if now == new then reply[2] = reply[2] + 1 else reply[#reply + 1] = (i - 2) / 3 end
end
return reply
