-- audit: say of jobs where each one is and what is kept of it, at one moment
-- keys: jobs bodies runs terms errors chains results progress uniques heads blocked waiting pending ranked delayed failed done slots graves settled processing
-- argv: exact then id for each of up to 100 jobs
-- uses: look
-- moves:
-- replies: audited, then for each what `View.read` reads | changed
-- changed: there is a slot that is not among the keys; exact: 1 to look through `pending`, too
local holders = look_into_slots()
if not holders then return {'changed'} end
local reply = {'audited'}
for i = 2, #ARGV do
  local id = ARGV[i]
  local agreed = terms_of(id)
  local at = look(id, holders, agreed, exact == '1')
  local key = agreed and agreed.key ~= '-' and agreed.key or false -- a nil would end the reply
  reply[i] = {
    redis.call('HGET', jobs, id), redis.call('HEXISTS', bodies, id), redis.call('HGET', runs, id), redis.call('HGET', terms, id),
    redis.call('HEXISTS', errors, id), redis.call('HEXISTS', chains, id), redis.call('HEXISTS', results, id),
    redis.call('HEXISTS', progress, id), at.line, at.ranked, at.delayed, at.failed, at.done, at.waits, at.held,
    agreed and agreed.unique ~= '-' and redis.call('HGET', uniques, agreed.unique) or false,
    key and redis.call('HGET', heads, key), key and redis.call('ZSCORE', blocked, key),
  }
end
return reply
