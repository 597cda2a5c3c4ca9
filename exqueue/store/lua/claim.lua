-- claim: stamp the job that a worker process holds, or take the next one, and answer with it
-- keys: pending processing runs jobs bodies counters slots
-- argv: slot token
-- uses: claim
-- moves: pending -> processing
-- replies: claimed | empty | unregistered
if redis.call('HEXISTS', KEYS[7], ARGV[1]) == 0 then return {'unregistered'} end
return claim(KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], ARGV[1], ARGV[2])
