-- promote: move jobs that are due to the end of the line, or behind others of their key; the head of a key returns to
-- its place; answers how many, and in how many ms the next is due
-- keys: delayed pending ranked jobs counters terms heads waiting blocked events
-- argv: limit
-- uses: line key
-- moves: delayed -> pending, delayed -> waiting
-- replies: promoted
local now = now_ms()
local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', whole(now), 'LIMIT', 0, tonumber(limit))
for _, id in ipairs(due) do
  redis.call('ZREM', delayed, id)
  local agreed = terms_of(id)
  if is_head(id, agreed) then
    put_back(id)
  else
    next_seq(id)
    if join(id, agreed) then append(id, agreed) end
  end
  tell('promoted', id)
end
local nearest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
return {'promoted', #due, nearest and whole(math.max(0, math.min(nearest - now, 1e15))) or ''}
