-- A job of which only traces are left is kept, in `failed`, for a person.
-- keys: jobs bodies terms failed errors heads waiting blocked pending ranked events

-- As any job that fails for good it blocks its key, if it is at the head of it.
local function give_up(id, error)
  redis.call('ZADD', failed, whole(now_ms()), id)
  add_error(id, error)
  tell('failed', id)
  hold_or_free(id)
end
