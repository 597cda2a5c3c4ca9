-- cancel: remove jobs that have not begun, or wait for a retry, on the word of a person; their keys go on
-- keys: pending ranked delayed waiting jobs bodies runs errors counters recent older settled terms heads blocked uniques chains results progress events
-- argv: request then id for each of up to 100 jobs
-- uses: line key gone ties person
-- moves: pending -> none, delayed -> none, waiting -> none, waiting -> pending
-- replies: cancelled, how many, and the positions of those that are in none of these places
local reply = answered(request)
if reply then return reply end
reply = {'cancelled', 0}
for i = 2, #ARGV do
  local id = ARGV[i]
  local agreed = terms_of(id)
  if redis.call('ZREM', delayed, id) == 1
     or (agreed and redis.call('ZREM', waiting, mention(id, agreed.key)) == 1) or take_out(id) then
    untie(id)
    forget(id, 'deleted')
    tell('cancelled', id)
    reply[2] = reply[2] + 1
  else
    reply[#reply + 1] = i - 2
  end
end
ring()
return answer(request, reply)
