-- depart: a runner without slots signs off, or is signed off; `beat` is its counter as the caller saw it, empty for its own
-- keys: beats
-- argv: runner beat
-- moves:
-- replies: departed | alive
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return {'alive'} end
redis.call('HDEL', KEYS[1], ARGV[1])
return {'departed'}
