-- What a person asked of this queue last, and the answer: asked again because the reply was lost, it is the same answer.
-- keys: settled

local function answered(request)
  local words = redis.call('HGET', settled, 'by hand') or ''
  if string.sub(words, 1, #request + 1) ~= request .. ' ' then return nil end
  local reply = {}
  for word in string.gmatch(string.sub(words, #request + 2), '%S+') do reply[#reply + 1] = tonumber(word) or word end
  return reply
end

-- Do this to each of the ids; `act` says whether there was anything to do. What was done to nothing is not remembered:
-- asked again, it is no different.
local function for_each(done, request, act)
  local reply = answered(request)
  if reply then return reply end
  reply = {done, 0}
  for i = 2, #ARGV do
    if act(ARGV[i]) then reply[2] = reply[2] + 1 else reply[#reply + 1] = i - 2 end
  end
  if reply[2] > 0 then redis.call('HSET', settled, 'by hand', request .. ' ' .. table.concat(reply, ' ')) end
  return reply
end
