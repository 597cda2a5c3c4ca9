-- enqueue: accept up to 100 jobs; an id that is known, or was until recently, is not accepted twice
-- keys: jobs bodies pending delayed counters recent older
-- argv: delay_ms then id header body for each job
-- moves: none -> pending, none -> delayed
-- replies: enqueued | founded
-- then the positions of those that were there already; founded: these are the first jobs the queue ever had
local delay, known, seen = tonumber(ARGV[1]), {'enqueued'}, {}
local jobs, bodies, pending, delayed, counters, recent, older = unpack(KEYS)
for i = 2, #ARGV, 3 do
  local id = ARGV[i]
  local position = (i - 2) / 3
  if seen[id] or redis.call('HEXISTS', jobs, id) == 1 or redis.call('SISMEMBER', recent, id) == 1
     or redis.call('SISMEMBER', older, id) == 1 then
    known[#known + 1] = position
  else
    seen[id] = true
    if redis.call('HINCRBY', counters, 'enqueued', 1) == 1 then known[1] = 'founded' end
    local seq = delay == 0 and redis.call('HINCRBY', counters, 'seq', 1) or 0
    redis.call('HSET', jobs, id, '{"seq":' .. string.format('%d', seq) .. ',' .. string.sub(ARGV[i + 1], 2))
    redis.call('HSET', bodies, id, ARGV[i + 2])
    if delay == 0 then redis.call('RPUSH', pending, id) else redis.call('ZADD', delayed, now_ms() + delay, id) end
  end
end
return known
