-- The tick recorded for a worker, ms; nil for none, or for what is no record.
-- keys: schedules

local function recorded_tick(worker)
  local tick = string.match(redis.call('HGET', schedules, worker) or '', '^(%d+) ')
  return tick and #tick <= 14 and tonumber(tick) or nil
end
