-- beat: show that a runner lives; answers which of its slots somebody has closed meanwhile
-- keys: beats slots graves
-- argv: runner then slot info for each of its worker processes
-- moves:
-- replies: beaten, then the slots that are closed
-- A slot that is missing without having been closed is opened again: the server was emptied.
local reply = {'beaten'}
redis.call('HDEL', beats, '') -- a write that a full server allows must come first
local signed_off = redis.call('HGET', graves, runner)
if signed_off then redis.call('HSETNX', beats, runner, string.match(signed_off, '^%d+') or 0) end -- see depart.lua
redis.call('HINCRBY', beats, runner, 1)
for i = 2, #ARGV, 2 do
  if redis.call('HEXISTS', graves, ARGV[i]) == 1 then
    reply[#reply + 1] = ARGV[i]
  else
    redis.call('HSETNX', slots, ARGV[i], ARGV[i + 1])
  end
end
return reply
