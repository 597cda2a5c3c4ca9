-- depart: a runner without slots signs off, or is signed off; `beat` is its counter as the caller saw it, empty for its own
-- keys: beats graves
-- argv: runner beat
-- moves:
-- replies: departed | alive
if beat ~= '' and redis.call('HGET', beats, runner) ~= beat then return {'alive'} end
redis.call('HDEL', beats, runner)
-- It may live after all. Counted from 1 again, its counter could be one that somebody has seen long ago.
if beat ~= '' then redis.call('HSET', graves, runner, whole(now_ms())) end
return {'departed'}
