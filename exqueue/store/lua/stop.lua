-- stop: ask that running jobs be stopped and discarded; their runners see it, and what they find outdated they strike off
-- keys: runs stops
-- argv: id for each of up to 100 jobs
-- moves:
-- replies: stopping, how many, and the positions of those that do not run
local reply = {'stopping', 0}
redis.call('HDEL', stops, '') -- the first write is one a full server allows
for i, id in ipairs(ARGV) do
  local token = read_run(id).token
  if token == '-' then
    reply[#reply + 1] = i - 1
  else
    redis.call('HSET', stops, id, token)
    reply[2] = reply[2] + 1
  end
end
return reply
