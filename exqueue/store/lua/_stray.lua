-- Whether an entry belongs to nothing: a field of a job that does not exist, a name that leads nowhere. `name`: of the key.
-- keys: jobs terms heads done

-- A job whose terms nobody can read has what it had, its key and its name, until it has ended: what waits must not pass it.
local function may_hold(id)
  return redis.call('HEXISTS', jobs, id) == 1 and not terms_of(id) and not redis.call('ZSCORE', done, id)
end

local function stray(name, field, value)
  if name == 'heads' then
    local agreed = terms_of(value)
    return redis.call('HEXISTS', jobs, value) == 0 or not agreed or agreed.key ~= field
  elseif name == 'uniques' then
    local agreed = terms_of(value)
    return redis.call('HEXISTS', jobs, value) == 0 or not agreed or agreed.unique ~= field
  elseif name == 'blocked' then
    return redis.call('HEXISTS', heads, field) == 0
  elseif name == 'waiting' then
    local key, seq, id = string.match(field, '^(%S+) (%d+) (.+)$')
    local agreed = id and redis.call('HEXISTS', jobs, id) == 1 and terms_of(id)
    return not agreed or agreed.key ~= key or tonumber(seq) ~= seq_of(id)
  end
  return redis.call('HEXISTS', jobs, field) == 0
end
