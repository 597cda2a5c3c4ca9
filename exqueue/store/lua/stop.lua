-- stop: note that jobs which run shall be stopped, on the word of a person; their runners see to it
-- keys: runs stops
-- argv: id for each of up to 100 jobs
-- moves:
-- replies: noted, how many, and the positions of those that do not run
-- A note names the start it is meant for, and means nothing once that has ended; such notes are dropped here.
local reply = {'noted', 0}
redis.call('HDEL', stops, '') -- a write that a full server allows must come first
local notes = redis.call('HGETALL', stops)
for i = 1, #notes, 2 do
  if read_run(notes[i]).token ~= notes[i + 1] then redis.call('HDEL', stops, notes[i]) end
end
for i, id in ipairs(ARGV) do
  local token = read_run(id).token
  if token ~= '-' then
    redis.call('HSET', stops, id, token)
    reply[2] = reply[2] + 1
  else
    reply[#reply + 1] = i - 1
  end
end
return reply
