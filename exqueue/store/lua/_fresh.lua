-- One job whose id was made just now and is sent for the first time, so that nobody can know it. What fails on a key of the
-- wrong type is undone, and left to those below, who say what is wrong.
-- keys: jobs bodies pending counters events

if fresh == '1' and #ARGV == 4 then
  local id, found = ARGV[2], redis.call('HMGET', counters, 'enqueued', 'seq')
  local enqueued, seq = found[1] or '0', found[2] or '0'
  if #enqueued < 15 and #seq < 15 and string.find(enqueued, '^%d+$') and string.find(seq, '^%d+$') then
    enqueued, seq = enqueued + 1, string.format('%d', seq + 1)
    if redis.pcall('HSETNX', jobs, id, '{"seq":' .. seq .. ',' .. string.sub(ARGV[3], 2)) == 1 then
      if type(redis.pcall('HSET', bodies, id, ARGV[4])) == 'number' then
        if type(redis.pcall('RPUSH', pending, id)) == 'number' then
          if type(redis.pcall('XADD', events, 'MAXLEN', '~', 10000, '*', 'event', 'enqueued', 'job', id, 'more', '')) == 'string' then
            redis.call('HSET', counters, 'enqueued', enqueued, 'seq', seq)
            return {enqueued == 1 and 'founded' or 'enqueued'}
          end
          redis.call('RPOP', pending)
        end
        redis.call('HDEL', bodies, id)
      end
      redis.call('HDEL', jobs, id)
    end
  end
end
