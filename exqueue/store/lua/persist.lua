-- persist: let no key of the queue expire
-- keys: pending ranked delayed waiting heads blocked failed done jobs bodies runs errors terms uniques chains outbox results progress counters control starts bell stops slots graves settled beats schedules recent older events processing
-- argv:
-- checks: types
-- moves:
-- replies: persisted, then how many would have expired
local count = 0
for i = 1, #KEYS do count = count + redis.call('PERSIST', KEYS[i]) end
return {'persisted', count}
