-- promote: move jobs that are due to the end of the line; answers how many, and in how many ms the next is due
-- keys: delayed pending jobs counters
-- argv: limit
-- moves: delayed -> pending
-- replies: promoted
local delayed, pending, jobs, counters = unpack(KEYS)
local now = now_ms()
local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', string.format('%d', now), 'LIMIT', 0, tonumber(ARGV[1]))
for _, id in ipairs(due) do
  redis.call('ZREM', delayed, id)
  next_seq(counters, jobs, id)
  redis.call('RPUSH', pending, id)
end
local nearest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
return {'promoted', #due, nearest and string.format('%d', math.max(0, math.min(nearest - now, 1e15))) or ''}
