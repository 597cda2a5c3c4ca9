-- strip: drop entries that belong to nothing; a job that only waits in a line, without anything else, is kept in `failed`
-- keys: jobs terms heads uniques blocked waiting bodies runs errors results progress failed done pending ranked events
-- argv: error then name field value for each of up to 100 entries
-- uses: line key errors stray lost
-- moves: none -> failed
-- replies: stripped, then for each 1 if it was dropped
local reply, number = {'stripped'}, {}
for i = 1, #KEYS do number[string.match(KEYS[i], ':([^:]+)$')] = i end
for n = 2, #ARGV, 3 do
  local name, field = ARGV[n], ARGV[n + 1]
  local i, dropped = number[name], 0
  if name == 'waiting' or name == 'blocked' then
    if redis.call('ZSCORE', KEYS[i], field) and stray(name, field) then dropped = redis.call('ZREM', KEYS[i], field) end
  elseif name == 'heads' or name == 'uniques' then
    local value = redis.call('HGET', KEYS[i], field)
    if value and not may_hold(value) and stray(name, field, value) then dropped = redis.call('HDEL', KEYS[i], field) end
  elseif redis.call('HEXISTS', jobs, field) == 0 and redis.call('HEXISTS', bodies, field) == 0 then
    dropped = redis.call('HDEL', KEYS[i], field)
  end
  local id = dropped == 1 and name == 'waiting' and string.match(field, '^%S+ %d+ (.+)$')
  if id and redis.call('HEXISTS', jobs, id) == 0 then
    adopt(id)
    give_up(id, error)
  end
  if dropped == 1 then tell('repaired', id or '', name) end
  reply[#reply + 1] = dropped
end
return reply
