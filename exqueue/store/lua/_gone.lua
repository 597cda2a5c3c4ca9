-- The job is gone for good. Its id is remembered for the last 10,000 to 20,000 jobs of the queue.
-- keys: jobs bodies runs errors counters recent older

-- `gone`: how many are by now, `count` of them in this step.
local function turn_over(gone, count)
  if gone % 1000 < count and redis.call('SCARD', recent) >= 10000 then
    redis.call('UNLINK', older)
    redis.call('RENAME', recent, older)
  end
end

local function forget(id, counter)
  local existed = redis.call('HDEL', jobs, id)
  redis.call('HDEL', bodies, id)
  redis.call('HDEL', runs, id)
  redis.call('HDEL', errors, id)
  local gone = redis.call('HINCRBY', counters, counter, existed)
  redis.call('SADD', recent, id)
  turn_over(gone, 1)
end
