-- unschedule: drop the record of a worker that has no schedule any more
-- keys: schedules
-- argv: worker
-- moves:
-- replies: unscheduled
redis.call('HDEL', KEYS[1], ARGV[1])
return {'unscheduled'}
