-- unschedule: drop the record of a worker that has no schedule any more
-- keys: schedules
-- argv: worker
-- moves:
-- replies: unscheduled
redis.call('HDEL', schedules, worker)
return {'unscheduled'}
