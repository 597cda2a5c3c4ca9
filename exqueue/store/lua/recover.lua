-- recover: take back all that a dead worker process holds and close its slot; repeated, it also empties a closed slot
-- keys: pending ranked processing runs jobs errors failed slots graves beats counters control starts bell terms heads waiting blocked events
-- argv: slot runner beat id token to error
-- uses: line gate key errors
-- moves: processing -> pending, processing -> failed, waiting -> pending
-- replies: recovered | gone | alive | changed
-- `beat`: the counter the caller saw unchanged for a whole lease, `absent` if there was none all the while; empty when
-- the process is known to be dead.
-- `id` and `token`: the start that was cut off, as the caller saw it, `to`: its verdict. A job that was moved into the
-- list but never claimed did not run: it goes back uncounted. Of jobs that were claimed together, those of a higher number
-- had not begun: they go back uncounted, too. Those of a lower one had ended: their start counts, and no crash. Without an
-- `id` none was cut off, and the number of the token is the last that had begun.
local held = redis.call('LRANGE', processing, 0, 99)
-- Unknown slots may hold jobs, too: when the server was emptied under a process that was blocked in BLMOVE.
if #held == 0 and redis.call('HEXISTS', slots, slot) == 0 and redis.call('HEXISTS', graves, slot) == 0 then return {'gone'} end
if beat ~= '' and (redis.call('HGET', beats, runner) or 'absent') ~= beat then return {'alive'} end
local function number(text) return tonumber(string.match(text, '/(%d+)$') or 0) end

local mine, told = false, id == '' and token ~= ''
for _, other in ipairs(held) do
  local owner = read_run(other).token
  mine = mine or string.sub(owner, 1, #slot + 1) == slot .. '/'
  told = told or (other == id and owner == token)
end
if mine and not told then return {'changed'} end
-- Of a process that is only thought to be dead, the grave says whose it is: a runner on its host kills it.
local owner = beat ~= '' and redis.call('HGET', slots, slot)
redis.call('HDEL', slots, slot) -- the first write is one a full server allows
redis.call('HSETNX', graves, slot, whole(now_ms()) .. (owner and ' - ' .. owner or ''))
for i = #held, 1, -1 do
  local other = held[i]
  redis.call('LREM', processing, 0, other)
  local run = read_run(other)
  local claimed = string.sub(run.token, 1, #slot + 1) == slot .. '/'
  if other ~= BELL and run.token == '-' then
    put_back(other)
  elseif other ~= id and claimed then
    local ended = beat ~= '' or number(run.token) <= number(token) -- of the silent nobody knows: all may have begun, or still run
    count_end()
    wake()
    if not ended then run.attempt, run.since = run.attempt - 1, 0 end
    run.token = '-'
    write_run(other, run)
    put_back(other)
    tell(ended and 'recovered' or 'released', other)
  elseif run.token == token and other == id then
    count_end()
    wake()
    run.crashes, run.token = run.crashes + 1, '-'
    write_run(id, run)
    add_error(id, error)
    redis.call('HINCRBY', counters, 'crashed', 1)
    if to == 'failed' then
      redis.call('ZADD', failed, whole(now_ms()), id)
      tell('failed', id)
      hold_or_free(id)
    else
      put_back(id)
      tell('recovered', id)
    end
  end
end
ring()
return {'recovered', #held}
