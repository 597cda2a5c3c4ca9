-- Give a worker process its next job: what its own list holds, else the head of the queue. Asked again with the same
-- token it answers the same. An id without a job is adopted, so that it ends in `failed` where a person sees it.

local function claim(pending, processing, runs, jobs, bodies, counters, slot, token)
  for _ = 1, 100 do
    local id = redis.call('LINDEX', processing, 0)
    if not id then
      id = redis.call('LPOP', pending)
      if not id then return {'empty'} end
      redis.call('RPUSH', processing, id)
    end
    local run = read_run(runs, id)
    local mine = string.sub(run.token, 1, #slot + 1) == slot .. '/'
    if run.token == '-' then
      redis.call('LPOP', processing) -- for a full server, see _settle.lua
      redis.call('LPUSH', processing, id)
      run.attempt, run.since, run.token, mine = run.attempt + 1, now_ms(), token, true
      write_run(runs, id, run)
      if redis.call('HSETNX', jobs, id, '{"seq":0,"adopted":true}') == 1 then
        redis.call('HSETNX', bodies, id, '')
        redis.call('HINCRBY', counters, 'enqueued', 1)
      end
    end
    if mine then
      return {'claimed', id, run.token, run.attempt, run.failures, run.crashes, run.since,
              redis.call('HGET', jobs, id), redis.call('HGET', bodies, id) or ''}
    end
    redis.call('LPOP', processing) -- named twice, and held by another slot: drop this mention of it
  end
  return {'empty'}
end
