-- unstop: strike off a request to stop a job, once that start of it is over
-- keys: stops
-- argv: id token
-- moves:
-- replies: unstopped
if redis.call('HGET', stops, id) == token then redis.call('HDEL', stops, id) end
return {'unstopped'}
