-- tally: count what is in each place, and answer with it and with the counters, at one moment
-- keys: counters runs pending ranked delayed waiting failed done jobs terms slots graves settled processing
-- argv:
-- uses: look
-- checks: types
-- moves:
-- replies: tallied, then what `Tally.read` reads | changed
-- changed: there is a slot that is not among the keys
local holders = look_into_slots()
if not holders then return {'changed'} end
local held, bells, idle, running = count_held(holders)
local rung = redis.call('LPOS', pending, '!', 'COUNT', 0)
return {
  'tallied', redis.call('LLEN', pending), #rung, rung[1] == 0 and 1 or 0, redis.call('ZCARD', ranked), redis.call('ZCARD', delayed),
  redis.call('ZCARD', waiting), redis.call('ZCARD', failed), redis.call('ZCARD', done), held, bells, idle, running,
  redis.call('HMGET', counters, unpack(COUNTERS)),
}
