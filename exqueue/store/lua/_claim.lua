-- Give a worker process its next job: what its own list holds, else the first of the line. Asked again with the same
-- token it answers the same. An id without a job is adopted, so that it ends in `failed` where a person sees it.
-- keys: pending ranked processing runs jobs bodies counters terms control starts bell events

-- What the slot holds: a job it has claimed, one that was only moved there, or nothing. Bells are taken out, and ids
-- that are named twice and held by another slot.
local function held(slot)
  for _ = 1, 100 do
    local id = redis.call('LINDEX', processing, 0)
    if not id then return nil end
    local run = id ~= BELL and read_run(id)
    if run and (run.token == '-' or string.sub(run.token, 1, #slot + 1) == slot .. '/') then return id, run end
    redis.call('LPOP', processing)
    if id == BELL then ring() end -- the queue may be closed, and another process wait for what it was rung for
  end
end

local function claimed(id, run)
  return {'claimed', id, run.token, run.attempt, run.failures, run.crashes, run.since, redis.call('HGET', jobs, id),
          redis.call('HGET', bodies, id) or '', redis.call('HGET', terms, id) or ''}
end

-- Asked again: what was claimed then. A slot that was closed meanwhile takes nothing new.
local function claimed_before(slot)
  local id, run = held(slot)
  return id and run.token ~= '-' and claimed(id, run) or {'empty'}
end

local function stamp(id, run, slot, token, limits)
  run.attempt, run.since, run.token = run.attempt + 1, now_ms(), token
  write_run(id, run)
  if adopt(id) then redis.call('HINCRBY', counters, 'enqueued', 1) end
  count_start(limits, run.since)
  tell('claimed', id, slot)
  return claimed(id, run)
end

local function claim(slot, token, limits)
  local id, run = held(slot)
  if id and run.token ~= '-' then return claimed(id, run) end
  local refusal = closed(limits)
  if id then
    redis.call('LPOP', processing) -- also for a full server, see _settle.lua
    if not refusal and not overtaken(id) then
      redis.call('LPUSH', processing, id)
      ring() -- it may have been the last in `pending`, but not the last of the line
      return stamp(id, run, slot, token, limits)
    end
    put_back(id)
  end
  if refusal then return refusal end
  for _ = 1, 100 do
    id = take_first()
    if not id then break end
    run = read_run(id)
    if run.token == '-' then -- else it is named twice, and held by another slot
      redis.call('LPUSH', processing, id) -- before whatever else was moved there: what is asked again is the first
      return stamp(id, run, slot, token, limits)
    end
  end
  return {'empty'}
end
