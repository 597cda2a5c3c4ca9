"""After each step, in one script: what must hold of a queue, and what has happened in it since the last look."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

NAMESPACE: Final = "sim"
SOURCE: Final = """
local p, from = ARGV[1], ARGV[2]
local wrong, places, line = {}, {}, {}
local function say(...) wrong[#wrong + 1] = table.concat({...}, ' ') end
local function put(place, ids)
  for _, id in ipairs(ids) do
    if places[id] then say(id, 'is in', places[id], 'and in', place) end
    places[id] = place
  end
  return #ids
end
local bells, jobs = 0, {}
for _, id in ipairs(redis.call('LRANGE', p .. 'pending', 0, -1)) do
  if id == '!' then bells = bells + 1 else jobs[#jobs + 1] = id line[#line + 1] = id end
end
local ranked = redis.call('ZRANGE', p .. 'ranked', 0, -1)
for _, id in ipairs(ranked) do line[#line + 1] = id end
local waiting = {}
for i, member in ipairs(redis.call('ZRANGE', p .. 'waiting', 0, -1)) do waiting[i] = string.match(member, '([^ ]+)$') end
local present = put('pending', jobs) + put('ranked', ranked) + put('waiting', waiting)
for _, name in ipairs({'delayed', 'failed', 'done'}) do present = present + put(name, redis.call('ZRANGE', p .. name, 0, -1)) end
local holder, unlooked = {}, 0
local open = redis.call('HKEYS', p .. 'slots')
for _, slot in ipairs(redis.call('HKEYS', p .. 'graves')) do open[#open + 1] = slot end
for _, slot in ipairs(open) do
  local held = {}
  for _, id in ipairs(redis.call('LRANGE', p .. 'processing:' .. slot, 0, -1)) do
    if id == '!' then unlooked = unlooked + 1 else held[#held + 1] = id holder[id] = slot end
  end
  present = present + put('processing', held)
end
local tokens, running = {}, 0
local runs = redis.call('HGETALL', p .. 'runs')
for i = 1, #runs, 2 do
  local token = string.match(runs[i + 1], '(%S+)$')
  if token ~= '-' then
    local slot = string.match(token, '^(.*)/')
    running = running + 1
    if holder[runs[i]] ~= slot then say(runs[i], 'carries a token of', slot, 'and is held by', holder[runs[i]] or 'nobody') end
    if tokens[slot] and not string.find(p, '{many}', 1, true) then say(slot, 'holds tokens of', runs[i], 'and of', tokens[slot]) end
    tokens[slot] = runs[i]
    holder[runs[i]] = nil
  end
end
for _ in pairs(holder) do unlooked = unlooked + 1 end
local counted = {}
for i, value in ipairs(redis.call('HMGET', p .. 'counters', 'enqueued', 'completed', 'deleted', 'running', 'crashed')) do
  counted[i] = tonumber(value or 0)
end
if counted[1] ~= present + counted[2] + counted[3] then say('counters do not add up:', present, unpack(counted)) end
if counted[4] ~= running then say(running, 'run, but', counted[4], 'are counted') end
if redis.call('HLEN', p .. 'jobs') ~= present then say('there are headers of', redis.call('HLEN', p .. 'jobs'), 'jobs, and', present) end
if redis.call('HLEN', p .. 'bodies') ~= present then say('there are not as many bodies as jobs') end
if #ranked > 0 and #jobs + bells + unlooked == 0 then say('jobs are ranked, and nobody is woken') end
local heads = redis.call('HGETALL', p .. 'heads')
for i = 1, #heads, 2 do
  local place = places[heads[i + 1]] or 'gone'
  if place == 'waiting' or place == 'done' or place == 'gone' then say('the head of', heads[i], 'is', place) end
  if (place == 'failed') ~= (redis.call('ZSCORE', p .. 'blocked', heads[i]) ~= false) then say(heads[i], 'is blocked, or not:', place) end
end
return {wrong, redis.call('XRANGE', p .. 'events', '(' .. from, '+'), line,
        {unlooked, redis.call('LLEN', p .. 'bell'), redis.call('HEXISTS', p .. 'control', 'paused'), running,
         redis.call('HLEN', p .. 'outbox')}}
"""
SHA: Final = hashlib.sha1(SOURCE.encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class Look:
    """What a queue is like. `line`: ids in pending, then those ranked; `unlooked`: moved to slots that have not claimed."""

    wrong: list[str] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    unlooked: int = 0
    bells: int = 0
    paused: bool = False
    running: int = 0
    outbox: int = 0


class Probe:
    """Looks at queues; knows up to where it has read their events."""

    def __init__(self, ask: Callable[[list[tuple[Any, ...]]], list[Any]]) -> None:
        self._read: dict[str, bytes] = {}
        ask([("SCRIPT", "LOAD", SOURCE)])

    def command(self, queue: str) -> tuple[Any, ...]:
        """What to ask the server."""
        return "EVALSHA", SHA, 0, f"{NAMESPACE}:{{{queue}}}:", self._read.get(queue, b"0")

    def read(self, queue: str, reply: Any) -> Look:
        """Its answer: how the queue is, and what is new since the last look."""
        if isinstance(reply, Exception):
            raise reply
        wrong, entries, line, numbers = reply
        if entries:
            self._read[queue] = entries[-1][0]
        events = [(fields[1].decode(), fields[3].decode()) for _, fields in entries]
        unlooked, bells, paused, running, outbox = numbers
        said, ids = [text.decode() for text in wrong], [text.decode() for text in line]
        return Look(said, events, ids, unlooked, bells, bool(paused), running, outbox)
