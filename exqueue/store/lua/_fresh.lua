-- One job whose id was made just now and is sent for the first time, so that nobody can know it. As below: everything is
-- read, and fails on a key of the wrong type, before anything is written. To undo a write would take a right to remove.
-- keys: jobs bodies pending counters events

if fresh == '1' and #ARGV == 4 then
  local id, found = ARGV[2], redis.call('HMGET', counters, 'enqueued', 'seq')
  local enqueued, seq = found[1] or '0', found[2] or '0'
  redis.call('HLEN', bodies)
  redis.call('LLEN', pending)
  redis.call('XLEN', events)
  if #enqueued < 15 and #seq < 15 and string.find(enqueued, '^%d+$') and string.find(seq, '^%d+$') then
    enqueued, seq = enqueued + 1, whole(seq + 1)
    if redis.call('HSETNX', jobs, id, '{"seq":' .. seq .. ',' .. string.sub(ARGV[3], 2)) == 1 then
      redis.call('HSET', bodies, id, ARGV[4])
      redis.call('RPUSH', pending, id)
      redis.call('HSET', counters, 'enqueued', enqueued, 'seq', seq)
      tell('enqueued', id)
      return {enqueued == 1 and 'founded' or 'enqueued'}
    end
  end
end
