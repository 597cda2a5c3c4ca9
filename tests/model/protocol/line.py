"""Jobs in their places, as far as the protocol needs them: the line with its bell, the heads of keys, who is blocked in BLMOVE.

Small numbers stand for jobs (in the order they are enqueued) and slots; a token is (slot, number of the claim).
"""

from __future__ import annotations

from typing import Any, Final, Self

from tests.model.protocol.bounds import Bounds

BELL: Final = -1
NEW, LIST, RANKED, WAITING, HELD, DELAYED, FAILED, GONE = "new", "list", "ranked", "waiting", "held", "delayed", "failed", "gone"
UNKNOWN, OPEN, CLOSED = "unknown", "open", "closed"

Token = tuple[int, int]
Reply = tuple[Any, ...]


class Line:
    """Places, the line and the keys: what the shared parts of the Lua files do."""

    def __init__(self, bounds: Bounds) -> None:
        jobs, slots = len(bounds.keys), bounds.slots
        self.bounds = bounds
        self.where = [NEW] * jobs
        self.seq = list(range(jobs))
        self.token: list[Token | None] = [None] * jobs
        self.failures = [0] * jobs
        self.crashed = [0] * jobs
        self.begun = [False] * jobs
        self.heads: dict[str, int] = {}
        self.pending: list[int] = []
        self.waiters: list[int] = []  # slots blocked in BLMOVE, longest first
        self.held: list[list[int]] = [[] for _ in range(slots)]
        self.slot = [UNKNOWN] * slots
        self.settled: list[Token | None] = [None] * slots

    def copy(self) -> Self:
        """Another one, equal to this."""
        other = object.__new__(type(self))
        for name, value in self.__dict__.items():
            other.__dict__[name] = value.copy() if isinstance(value, list | dict) else value
        other.held = [held.copy() for held in self.held]
        return other

    def rank(self, job: int) -> tuple[int, int]:
        """Where it stands in the line."""
        return -self.priority(job), self.seq[job]

    def priority(self, job: int) -> int:
        """0 unless the bounds say otherwise."""
        return self.bounds.priorities[job] if self.bounds.priorities else 0

    def top(self) -> int | None:
        """The first of `ranked`."""
        return min((job for job, place in enumerate(self.where) if place == RANKED), key=self.rank, default=None)

    def ring(self) -> None:
        """A bell keeps `pending` from being empty while jobs are ranked."""
        if not self.pending and RANKED in self.where:
            self.pending.append(BELL)

    def put_back(self, job: int) -> None:
        """To its place in the line."""
        self.where[job] = RANKED
        self.ring()

    def append(self, job: int) -> None:
        """To the end of the line."""
        if self.priority(job):
            self.put_back(job)
        else:
            self.where[job] = LIST
            self.pending.append(job)

    def next_seq(self, job: int) -> None:
        """Behind all others."""
        self.seq[job] = max(self.seq) + 1

    def is_head(self, job: int) -> bool:
        """Whether it is at the head of its key."""
        return bool(self.bounds.keys[job]) and self.heads.get(self.bounds.keys[job]) == job

    def join(self, job: int) -> bool:
        """Whether it may go to the line."""
        key = self.bounds.keys[job]
        if not key or self.heads.setdefault(key, job) == job:
            return True
        self.where[job] = WAITING
        return False

    def advance(self, key: str) -> None:
        """The oldest that waits becomes the head."""
        self.heads.pop(key, None)
        waiting = [job for job, place in enumerate(self.where) if place == WAITING and self.bounds.keys[job] == key]
        if waiting:
            job = min(waiting, key=lambda other: self.seq[other])
            self.heads[key] = job
            self.put_back(job)

    def free(self, job: int) -> None:
        """It leaves the head of its key."""
        if self.is_head(job):
            self.advance(self.bounds.keys[job])

    def take_first(self) -> int | None:
        """The first of the line, no longer in it."""
        job = self.pending.pop(0) if self.pending else None
        if job == BELL:
            job = self.pending.pop(0) if self.pending else None
        top = self.top()
        if top is None:
            return job
        if job is not None and self.rank(job) > self.rank(top):
            self.pending.insert(0, job)
            job = None
        if job is None:
            job = top
        self.where[job] = HELD  # out of both before the bell is thought of
        self.ring()
        return job

    def first_held(self, slot: int) -> int | None:
        """What it has claimed, or what was moved there; bells are taken out."""
        held = self.held[slot]
        while held:
            job = held[0]
            token = None if job == BELL else self.token[job]
            if job != BELL and (token is None or token[0] == slot):
                return job
            held.pop(0)
            if job == BELL:
                self.ring()
        return None

    def serve(self) -> None:
        """After a step the server gives what is in `pending` to whoever is blocked there, dead or alive, and goes on with those."""
        served = []
        while self.pending and self.waiters:
            job, slot = self.pending.pop(0), self.waiters.pop(0)
            served.append(slot)
            self.held[slot].append(job)
            if job != BELL:
                self.where[job] = HELD
        for slot in served:
            self.goes_on(slot)

    def goes_on(self, slot: int) -> None:
        """A client does not block any more: what it has sent after its BLMOVE is next."""
