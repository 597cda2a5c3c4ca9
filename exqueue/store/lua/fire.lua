-- fire: enqueue the job of a tick, unless this tick or a later one is recorded already
-- keys: schedules jobs bodies pending counters recent older
-- argv: worker tick_ms described id header body
-- uses: tick
-- moves: none -> pending
-- replies: fired | late | known
-- known: there is, or was until recently, a job of this id; the tick is recorded, no job is made
local schedules, jobs, bodies, pending, counters, recent, older = unpack(KEYS)
local worker, tick, described, id, header, body = unpack(ARGV)
if (recorded_tick(schedules, worker) or -1) >= tonumber(tick) then return {'late'} end
redis.call('HSET', schedules, worker, tick .. ' ' .. described)
if redis.call('HEXISTS', jobs, id) == 1 or redis.call('SISMEMBER', recent, id) == 1 or redis.call('SISMEMBER', older, id) == 1 then
  return {'known'}
end
redis.call('HINCRBY', counters, 'enqueued', 1)
local seq = redis.call('HINCRBY', counters, 'seq', 1)
redis.call('HSET', jobs, id, '{"seq":' .. string.format('%d', seq) .. ',' .. string.sub(header, 2))
redis.call('HSET', bodies, id, body)
redis.call('RPUSH', pending, id)
return {'fired'}
