-- recover: take back all that a dead worker process holds and close its slot; repeated, it also empties a closed slot
-- keys: pending ranked processing delayed runs jobs bodies errors failed slots graves settled beats counters recent older control starts bell terms heads waiting blocked uniques chains results progress events
-- argv: slot runner beat id token to delay_ms spent error
-- uses: line gate key gone ties errors
-- moves: processing -> pending, processing -> failed, processing -> delayed, processing -> none, waiting -> pending
-- replies: recovered | gone | alive | changed
-- `beat`: the counter the caller saw unchanged for a whole lease, `absent` if there was none all the while; empty when
-- the process is known to be dead.
-- `id` and `token`: the start that was cut off, as the caller saw it, `to`: its verdict; `spent`: whether a failure (a
-- timeout) or a crash. A job that was moved into the list but never claimed did not run: it goes back uncounted.
local held = redis.call('LRANGE', processing, 0, 99)
-- Unknown slots may hold jobs, too: when the server was emptied under a process that was blocked in BLMOVE.
if #held == 0 and redis.call('HEXISTS', slots, slot) == 0 and redis.call('HEXISTS', graves, slot) == 0 then return {'gone'} end
if beat ~= '' and (redis.call('HGET', beats, runner) or 'absent') ~= beat then return {'alive'} end
for _, other in ipairs(held) do
  local owner = read_run(other).token
  if string.sub(owner, 1, #slot + 1) == slot .. '/' and (other ~= id or owner ~= token) then return {'changed'} end
end
redis.call('HDEL', slots, slot) -- the first write is one a full server allows
redis.call('HDEL', settled, slot)
redis.call('HSETNX', graves, slot, whole(now_ms()))
for i = #held, 1, -1 do
  local other = held[i]
  redis.call('LREM', processing, 0, other)
  local run = read_run(other)
  if other ~= BELL and run.token == '-' then
    put_back(other)
  elseif run.token == token and other == id then
    count_end()
    if spent == 'failure' then run.failures = run.failures + 1 else run.crashes = run.crashes + 1 end
    run.token = '-'
    write_run(id, run)
    add_error(id, error)
    redis.call('HINCRBY', counters, 'crashed', spent == 'crash' and 1 or 0)
    tell(to == 'failed' and 'failed' or to == 'none' and 'discarded' or to == 'delayed' and 'retried' or 'recovered', id)
    if to == 'pending' then
      put_back(id)
    elseif to == 'delayed' then
      redis.call('ZADD', delayed, whole(now_ms() + tonumber(delay_ms)), id)
    elseif to == 'failed' then
      redis.call('ZADD', failed, whole(now_ms()), id)
      hold_or_free(id)
    else
      untie(id)
      forget(id, 'deleted')
    end
  end
end
ring()
return {'recovered', #held}
