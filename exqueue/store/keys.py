"""The keys of a queue: nouns, all in one hash slot because the queue's name stands in braces."""

from __future__ import annotations

import functools
from typing import Final

KINDS: Final = {
    "pending": "list",  # ids ready to run, next at the left, in the order of their seq; those of priority 0
    "ranked": "zset",  # id -> its place among those ready to run: of a priority, or back at an old place
    "processing": "list",  # processing:<slot>: what one worker process holds
    "delayed": "zset",  # id -> due, ms
    "waiting": "zset",  # "key seq id" of jobs behind another of their key, in order
    "heads": "hash",  # key -> the id at its head
    "blocked": "zset",  # key whose head failed for good -> since, ms
    "failed": "zset",  # id -> failed at, ms; never trimmed, never expires
    "done": "zset",  # id -> kept until, ms
    "jobs": "hash",  # id -> header, JSON
    "bodies": "hash",  # id -> pickled call
    "runs": "hash",  # id -> attempt failures crashes since token
    "errors": "hash",  # id -> one line of JSON for each failed attempt
    "terms": "hash",  # id -> key priority blocks unique expires chained; plain jobs have none
    "uniques": "hash",  # unique name -> the id that has it
    "chains": "hash",  # id -> the jobs that follow it, JSON
    "outbox": "hash",  # id of a job that has succeeded -> the jobs that follow it and are not enqueued yet
    "results": "hash",  # id -> what perform returned
    "progress": "hash",  # id -> how far it says it is, JSON
    "counters": "hash",  # enqueued, completed, deleted, running, seq, ...
    "control": "hash",  # paused: since, ms; crowded: whether a process waits for another to end
    "starts": "list",  # ms of the last starts, where a rate limits them
    "bell": "list",  # rung for processes that wait while the queue is paused or limited
    "stops": "hash",  # id -> token of a start that a person wants to be stopped
    "slots": "hash",  # slot -> its process and runner, JSON
    "graves": "hash",  # slot of a dead process -> died at, ms
    "settled": "hash",  # slot -> the token it settled last
    "beats": "hash",  # runner -> a counter it bumps
    "schedules": "hash",  # worker -> its last tick, ms, zone, expression
    "recent": "set",  # ids that are gone, so that an enqueue sent again is not a second job
    "older": "set",  # the generation before `recent`
    "events": "stream",  # what has happened: event, job, more; the last ten thousand or so
}

BELL: Final = b"!"  # in a list in place of an id: somebody is to look again


class QueueKeys:
    """Key names of one queue. Immutable; make it with `queue_keys`, which keeps them."""

    def __init__(self, namespace: str, queue: str) -> None:
        self.namespace = namespace
        self.queue = queue
        self._names = {name: f"{namespace}:{{{queue}}}:{name}" for name in KINDS}

    def __getitem__(self, name: str) -> str:
        return self._names[name]

    def processing(self, slot: str) -> str:
        """The processing list of one worker process."""
        return f"{self._names['processing']}:{slot}"


@functools.lru_cache(maxsize=4096)
def queue_keys(namespace: str, queue: str) -> QueueKeys:
    """The keys of a queue (kept: they are asked for with every call)."""
    return QueueKeys(namespace, queue)


def registry_key(namespace: str) -> str:
    """The SET of queue names. In a slot of its own, so no script touches it."""
    return f"{namespace}:queues"


def schema_key(namespace: str) -> str:
    """The STRING that holds the number of the schema; see schema.py."""
    return f"{namespace}:schema"
