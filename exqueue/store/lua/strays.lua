-- strays: a page of one key: what in it belongs to nothing; `which` is the number of the key in the list below
-- keys: jobs terms heads uniques blocked waiting bodies runs errors chains results progress ranked delayed failed done
-- argv: which cursor count
-- uses: stray
-- moves:
-- replies: looked, then the next cursor, and of each stray entry field and value
local i = tonumber(which)
local name = string.match(KEYS[i], ':([^:]+)$')
local hash = redis.call('TYPE', KEYS[i]).ok == 'hash'
local page = hash and redis.call('HSCAN', KEYS[i], cursor, 'COUNT', count) or redis.call('ZSCAN', KEYS[i], cursor, 'COUNT', count)
local reply, whole_values = {'looked', page[1]}, name == 'heads' or name == 'uniques'
for n = 1, #page[2], 2 do
  if stray(name, page[2][n], page[2][n + 1]) then
    reply[#reply + 1] = page[2][n]
    reply[#reply + 1] = whole_values and page[2][n + 1] or ''
  end
end
return reply
