-- recount: set the counters so that they add up, and the bell
-- keys: counters runs pending ranked delayed waiting failed done jobs terms events slots graves settled processing
-- argv: newest
-- uses: line look
-- checks: types
-- moves:
-- replies: recounted, then of each that was changed its name, what it was, what it is | changed
-- newest: the greatest number of the line that was seen and can be one; the counter only rises to it
local holders = look_into_slots()
if not holders then return {'changed'} end
redis.call('HDEL', counters, '') -- a write that a full server allows must come first
local reply, was = {'recounted'}, {}
for n, value in ipairs(redis.call('HMGET', counters, unpack(COUNTERS))) do
  local number = value and #value < 15 and string.match(value, '^%d+$')
  was[COUNTERS[n]] = {raw = value or '', number = tonumber(number or 0), wrong = value and not number}
end

local function set(name, number)
  if was[name].number == number and not was[name].wrong then return end
  redis.call('HSET', counters, name, whole(number))
  for _, part in ipairs({name, was[name].raw, whole(number)}) do reply[#reply + 1] = part end
  tell('repaired', '', string.format('%s %s -> %s', name, string.sub(was[name].raw, 1, 60), whole(number)))
  was[name] = {raw = whole(number), number = number}
end

local held, _, _, running = count_held(holders)
local bells = #redis.call('LPOS', pending, BELL, 'COUNT', 0)
local there = held - bells
there = there + redis.call('LLEN', pending) + redis.call('ZCARD', ranked) + redis.call('ZCARD', delayed)
there = there + redis.call('ZCARD', waiting) + redis.call('ZCARD', failed) + redis.call('ZCARD', done)

set('crashed', was.crashed.number)
set('running', running)
set('seq', math.max(was.seq.number, tonumber(newest)))
set('deleted', was.deleted.number)
if was.completed.wrong then set('completed', math.max(0, was.enqueued.number - there - was.deleted.number)) end
-- More than were enqueued: one more was, then. Fewer: somebody has removed some.
local missing = was.enqueued.number - there - was.completed.number - was.deleted.number
if missing < 0 or was.enqueued.wrong then set('enqueued', was.enqueued.number - missing) else set('deleted', was.deleted.number + missing) end
if bells > 0 and (bells > 1 or redis.call('LINDEX', pending, 0) ~= BELL) then
  redis.call('LREM', pending, 0, BELL)
  for _, part in ipairs({'bell', whole(bells), '0'}) do reply[#reply + 1] = part end
end
if redis.call('LLEN', pending) == 0 and redis.call('ZCARD', ranked) > 0 then
  ring()
  for _, part in ipairs({'bell', '', '1'}) do reply[#reply + 1] = part end
end
return reply
