-- Shared by every step; put in front of it by the loader, which also adds a `check` of the types of all keys:
-- a script does not roll back, so it must not find out half-way that a key holds something foreign.

local PROBES = {hash = 'HLEN', list = 'LLEN', zset = 'ZCARD', set = 'SCARD'}

local function check(kinds)
  for i = 1, #KEYS do redis.call(PROBES[kinds[i] or kinds[#kinds]], KEYS[i]) end
end

-- A counter that is no number would make HINCRBY fail after other writes; so it is looked for before them.
local function bad_counter(counters)
  local names = {'enqueued', 'completed', 'deleted', 'seq', 'crashed'}
  for i, value in ipairs(redis.call('HMGET', counters, unpack(names))) do
    if value and not string.match(value, '^%d%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?$') then
      return 'CORRUPT the counter ' .. names[i] .. ' in ' .. counters .. ' is not a number'
    end
  end
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A run: attempt, failures, crashes, since, token ('-' when nobody holds the job).
local function read_run(runs, id)
  local a, f, c, since, token = string.match(redis.call('HGET', runs, id) or '', '^(%d+) (%d+) (%d+) (%d+) (.+)$')
  if not a then return {attempt = 0, failures = 0, crashes = 0, since = 0, token = '-'} end
  return {attempt = tonumber(a), failures = tonumber(f), crashes = tonumber(c), since = tonumber(since), token = token}
end

local function write_run(runs, id, run)
  redis.call('HSET', runs, id, string.format('%d %d %d %d %s', run.attempt, run.failures, run.crashes, run.since, run.token))
end

-- The place in the line is the first field of a header; Lua never decodes the rest of it.
local function seq_of(jobs, id)
  return tonumber(string.match(redis.call('HGET', jobs, id) or '', '^{"seq":(%d+)[,}]')) or 0
end

local function next_seq(counters, jobs, id)
  local seq = redis.call('HINCRBY', counters, 'seq', 1)
  local header = redis.call('HGET', jobs, id)
  if header then
    redis.call('HSET', jobs, id, (string.gsub(header, '^{"seq":%d+', function() return '{"seq":' .. string.format('%d', seq) end)))
  end
end

-- Back to the head, behind only those that stood before it: `pending` is always in the order of seq.
local function put_back(pending, jobs, id)
  local seq, before = seq_of(jobs, id), {}
  while #before < 1000 do
    local first = redis.call('LINDEX', pending, 0)
    if not first or seq_of(jobs, first) >= seq then break end
    before[#before + 1] = redis.call('LPOP', pending)
  end
  redis.call('LPUSH', pending, id)
  for i = #before, 1, -1 do redis.call('LPUSH', pending, before[i]) end
end

-- One line of JSON an attempt; what is older than the last 256 kB is dropped, whole lines only.
local function add_error(errors, id, line)
  if line == '' then return end
  local all = redis.call('HGET', errors, id)
  all = all and (all .. '\n' .. line) or line
  if #all > 262144 then
    local cut = string.find(all, '\n', #all - 262144, true)
    all = cut and string.sub(all, cut + 1) or line
  end
  redis.call('HSET', errors, id, all)
end

-- The job is gone for good. Its id is remembered for the last 10,000 to 20,000 jobs of the queue.
local function forget(jobs, bodies, runs, errors, counters, recent, older, id, counter)
  local existed = redis.call('HDEL', jobs, id)
  redis.call('HDEL', bodies, id)
  redis.call('HDEL', runs, id)
  redis.call('HDEL', errors, id)
  local gone = redis.call('HINCRBY', counters, counter, existed)
  redis.call('SADD', recent, id)
  if gone % 1000 == 0 and redis.call('SCARD', recent) >= 10000 then
    redis.call('UNLINK', older)
    redis.call('RENAME', recent, older)
  end
end
