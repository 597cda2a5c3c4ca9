-- report: note how far a running job has come
-- keys: runs progress terms
-- argv: id token note
-- moves:
-- replies: reported | stale
if read_run(id).token ~= token then return {'stale'} end
redis.call('HDEL', progress, '') -- the first write is one a full server allows
redis.call('HSET', progress, id, note)
redis.call('HSETNX', terms, id, '- 0 0 - 0 0') -- so that its end finds the note
return {'reported'}
