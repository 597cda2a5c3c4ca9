-- fire: enqueue the job of a tick, unless this tick or a later one is recorded already
-- keys: schedules jobs bodies pending ranked delayed waiting heads blocked terms uniques chains counters recent older events
-- argv: worker tick_ms described id header body terms_of_it
-- uses: tick line key accept
-- moves: none -> pending, none -> waiting
-- replies: fired | late | known
-- known: there is, or was until recently, a job of this id; the tick is recorded, no job is made
if (recorded_tick(worker) or -1) >= tonumber(tick_ms) then return {'late'} end
redis.call('HSET', schedules, worker, tick_ms .. ' ' .. described)
if accept(id, header, body, terms_of_it, '', '') then return {'known'} end
return {'fired'}
