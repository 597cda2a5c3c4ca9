"""What has happened to a job, or to a queue: a line of its stream of events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """`name`: the step in the past tense, as `claimed`, or `blocked`. `job`: an id, empty where it is about the queue.

    `more`: of `claimed` the slot, of `retried` and `snoozed` the delay in ms, of `blocked` and `skipped` the key. `at`:
    ms since 1970, by the clock of Redis. `cursor`: its place in the stream.
    """

    queue: str
    name: str
    job: str
    more: str
    at: int
    cursor: str
