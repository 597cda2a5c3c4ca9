-- Shared by every step. The loader puts in front of it a local for each key and each fixed argument of the step's
-- header, by their names; behind it the parts the step uses, and a `check` of the types of all keys: a script does not
-- roll back, so it must not find out half-way that a key holds something foreign.

local PROBES = {hash = 'HLEN', list = 'LLEN', zset = 'ZCARD', set = 'SCARD', stream = 'XLEN'}

local function check(kinds)
  for i = 1, #KEYS do redis.call(PROBES[kinds[i] or kinds[#kinds]], KEYS[i]) end
end

local COUNTERS = {'enqueued', 'completed', 'deleted', 'crashed', 'running', 'seq'}

-- A counter that is no number would make HINCRBY fail after other writes; so it is looked for before them. Nil, or what is
-- wrong; and the numbers, in the order of COUNTERS. All that counts has at most 14 digits, as a number of the line has.
local function bad_counter()
  local found = redis.call('HMGET', counters, unpack(COUNTERS))
  for i, name in ipairs(COUNTERS) do
    local value = found[i]
    if value and not string.match(value, '^%d%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?$') then
      return 'CORRUPT the counter ' .. name .. ' in ' .. counters .. ' is not a number'
    end
    found[i] = tonumber(value or 0)
  end
  return nil, found
end

local function whole(number) return string.format('%.0f', number) end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A run: attempt, failures, crashes, since, token ('-' when nobody holds the job).
local function read_run(id)
  local a, f, c, since, token = string.match(redis.call('HGET', runs, id) or '', '^(%d+) (%d+) (%d+) (%d+) (.+)$')
  if not a then return {attempt = 0, failures = 0, crashes = 0, since = 0, token = '-'} end
  return {attempt = tonumber(a), failures = tonumber(f), crashes = tonumber(c), since = tonumber(since), token = token}
end

local function write_run(id, run)
  redis.call('HSET', runs, id, string.format('%d %d %d %d %s', run.attempt, run.failures, run.crashes, run.since, run.token))
end

-- What is agreed of a job beyond its call; a plain job has none. `key` and `unique` are '-' where there is none.
local function parse_terms(text)
  local key, priority, blocks, unique, expires, chained = string.match(text or '', '^(%S+) (-?%d+) ([01]) (%S+) (%d+) ([01])$')
  if not key then return nil end
  return {key = key, priority = tonumber(priority), blocks = blocks == '1', unique = unique,
          expires = tonumber(expires), chained = chained}
end

local function terms_of(id) return parse_terms(redis.call('HGET', terms, id)) end

-- What has begun once does not expire any more, though its start is taken back.
local function begun(id)
  local agreed = terms_of(id)
  if agreed and agreed.expires > 0 then
    redis.call('HSET', terms, id, string.format('%s %d %d %s 0 %s', agreed.key, agreed.priority, agreed.blocks and 1 or 0,
                                                agreed.unique, agreed.chained))
  end
end

-- The place in the line is the first field of a header; Lua never decodes the rest of it. What no counter can hold is none.
local function digits_of(id) return string.match(redis.call('HGET', jobs, id) or '', '^{"seq":(%d+)[,}]') end

local function seq_of(id)
  local digits = digits_of(id)
  return digits and #digits < 15 and tonumber(digits) or 0
end

-- How a job is named in `waiting`, so that those of a key stand together and in the order of seq.
local function mention(id, key) return string.format('%s %016d %s', key, seq_of(id), id) end

local function next_seq(id)
  local seq = redis.call('HINCRBY', counters, 'seq', 1)
  local header = redis.call('HGET', jobs, id)
  if header then
    redis.call('HSET', jobs, id, (string.gsub(header, '^{"seq":%d+', function() return '{"seq":' .. whole(seq) end)))
  end
end

-- An id without a job gets a header that says so; whether it had none.
local function adopt(id)
  if redis.call('HSETNX', jobs, id, '{"seq":0,"adopted":true}') == 0 then return false end
  redis.call('HSETNX', bodies, id, '')
  return true
end

-- The newest ten thousand or so are kept, so what listens must not be slower than that for long.
local function tell(event, id, more)
  redis.call('XADD', events, 'MAXLEN', '~', 10000, '*', 'event', event, 'job', id, 'more', more or '')
end
