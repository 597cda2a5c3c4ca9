-- A job of which only traces are left is kept, in `failed`, for a person. Its header says that it is made up.
-- keys: jobs bodies terms failed errors heads waiting blocked pending ranked events

local function make_up(id)
  if redis.call('HSETNX', jobs, id, '{"seq":0,"adopted":true}') == 1 then redis.call('HSETNX', bodies, id, '') end
end

-- As any job that fails for good it blocks its key, if it is at the head of it.
local function give_up(id, error)
  redis.call('ZADD', failed, whole(now_ms()), id)
  add_error(id, error)
  tell('failed', id)
  hold_or_free(id)
end
