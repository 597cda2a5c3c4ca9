-- claim: stamp the job that a worker process holds, or take the next one, and answer with it
-- keys: pending ranked processing runs jobs bodies counters terms control starts bell events slots
-- argv: slot token limits
-- first: held
-- uses: line gate claim
-- moves: pending -> processing
-- replies: claimed | empty | paused | limited | unregistered
-- limited: then in how many ms it is worth asking again, empty if a bell will tell
if redis.call('HEXISTS', slots, slot) == 0 then return {'unregistered'} end
return claim(slot, token, limits)
