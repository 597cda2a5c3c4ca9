-- push: accept up to 100 plain jobs at the end of the line; an id that is known is not accepted twice. As enqueue, in as
-- few commands as there can be: everything is read, and fails on a key of the wrong type, before anything is written
-- keys: jobs bodies pending counters recent older events
-- argv: fresh then id header body for each job
-- first: fresh
-- checks: itself
-- moves: none -> pending
-- replies: enqueued | founded
-- fresh: 1 if their ids were made just now and are sent for the first time
-- then, for those that were known, the position and the id each; founded: these are the first jobs the queue ever had
local ids, count = {}, (#ARGV - 1) / 3
for i = 1, count do ids[i] = ARGV[3 * i - 1] end
local there = redis.call('HMGET', jobs, unpack(ids))
local gone = redis.call('SMISMEMBER', recent, unpack(ids))
local before = redis.call('SMISMEMBER', older, unpack(ids))
local wrong, numbers = bad_counter()
if wrong then return redis.error_reply(wrong) end
local enqueued, seq = numbers[1], numbers[6]
redis.call('HLEN', bodies)
redis.call('LLEN', pending)
redis.call('XLEN', events)
local reply, new, headers, pickles, seen = {enqueued == 0 and 'founded' or 'enqueued'}, {}, {}, {}, {}
for i = 1, count do
  local id = ids[i]
  if there[i] or gone[i] == 1 or before[i] == 1 or seen[id] then
    reply[#reply + 1] = i - 1
    reply[#reply + 1] = id
  else
    seen[id] = true
    local n = #new + 1
    new[n] = id
    headers[2 * n - 1], headers[2 * n] = id, '{"seq":' .. whole(seq + n) .. ',' .. string.sub(ARGV[3 * i], 2)
    pickles[2 * n - 1], pickles[2 * n] = id, ARGV[3 * i + 1]
  end
end
if not new[1] then
  reply[1] = 'enqueued'
  return reply
end
redis.call('HSET', counters, 'enqueued', whole(enqueued + #new), 'seq', whole(seq + #new))
redis.call('HSET', jobs, unpack(headers))
redis.call('HSET', bodies, unpack(pickles))
redis.call('RPUSH', pending, unpack(new))
for i = 1, #new do tell('enqueued', new[i]) end
return reply
