-- skip: let the keys of failed jobs go on without them; the jobs stay in failed
-- keys: failed pending ranked jobs settled terms heads waiting blocked events
-- argv: request then id for each of up to 100 jobs
-- uses: line key person
-- moves: waiting -> pending
-- replies: skipped, how many, and the positions of those that block no key
local reply = answered(request)
if reply then return reply end
reply = {'skipped', 0}
for i = 2, #ARGV do
  local id = ARGV[i]
  local agreed = terms_of(id)
  if redis.call('ZSCORE', failed, id) and is_head(id, agreed) then
    free(id, agreed)
    tell('skipped', id, agreed.key)
    reply[2] = reply[2] + 1
  else
    reply[#reply + 1] = i - 2
  end
end
return answer(request, reply)
