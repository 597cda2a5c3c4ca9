-- purge: remove jobs that are done and were kept long enough, with their results
-- keys: done pending ranked jobs bodies runs errors counters recent older terms heads waiting blocked uniques chains results progress events
-- argv: limit
-- uses: line key gone ties
-- moves: done -> none
-- replies: purged
local due = redis.call('ZRANGEBYSCORE', done, '-inf', whole(now_ms()), 'LIMIT', 0, tonumber(limit))
for _, id in ipairs(due) do
  redis.call('ZREM', done, id)
  untie(id)
  forget(id, 'completed')
end
return {'purged', #due}
