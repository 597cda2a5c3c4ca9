-- One line of JSON an attempt; what is older than the last 256 kB is dropped, whole lines only.
-- keys: errors

local function add_error(id, line)
  if line == '' then return end
  local all = redis.call('HGET', errors, id)
  all = all and (all .. '\n' .. line) or line
  if #all > 262144 then
    local cut = string.find(all, '\n', #all - 262144, true)
    all = cut and string.sub(all, cut + 1) or line
  end
  redis.call('HSET', errors, id, all)
end
