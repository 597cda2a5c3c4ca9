-- What a job has beyond itself, which a plain one has not: its key, its unique name, what follows it, its result.
-- keys: terms uniques chains results progress heads waiting blocked pending ranked jobs events

local function release_name(id, agreed)
  if agreed and redis.call('HGET', uniques, agreed.unique) == id then redis.call('HDEL', uniques, agreed.unique) end
end

local function untie(id)
  local agreed = terms_of(id)
  if not agreed then return end
  free(id, agreed)
  release_name(id, agreed)
  redis.call('HDEL', terms, id)
  redis.call('HDEL', chains, id)
  redis.call('HDEL', results, id)
  redis.call('HDEL', progress, id)
end
