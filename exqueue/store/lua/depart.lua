-- depart: a runner without slots signs off, or is signed off; `beat` is its counter as the caller saw it, empty for its own
-- keys: beats
-- argv: runner beat
-- moves:
-- replies: departed | alive
if beat ~= '' and redis.call('HGET', beats, runner) ~= beat then return {'alive'} end
redis.call('HDEL', beats, runner)
return {'departed'}
