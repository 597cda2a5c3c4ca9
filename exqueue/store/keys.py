"""The keys of a queue: sixteen nouns, all in one hash slot because the queue's name stands in braces."""

from __future__ import annotations

import functools
from typing import Final

KINDS: Final = {
    "pending": "list",  # ids ready to run, next at the left, in the order of their seq
    "processing": "list",  # processing:<slot>: what one worker process holds
    "delayed": "zset",  # id -> due, ms
    "failed": "zset",  # id -> failed at, ms; never trimmed, never expires
    "jobs": "hash",  # id -> header, JSON
    "bodies": "hash",  # id -> pickled call
    "runs": "hash",  # id -> attempt failures crashes since token
    "errors": "hash",  # id -> one line of JSON for each failed attempt
    "counters": "hash",  # enqueued, completed, deleted, seq, ...
    "slots": "hash",  # slot -> its process and runner, JSON
    "graves": "hash",  # slot of a dead process -> died at, ms
    "settled": "hash",  # slot -> the token it settled last
    "stops": "hash",  # id of a job that runs and shall be stopped -> the token of that start
    "beats": "hash",  # runner -> a counter it bumps
    "recent": "set",  # ids that are gone, so that an enqueue sent again is not a second job
    "older": "set",  # the generation before `recent`
}


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
