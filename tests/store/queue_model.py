"""A queue as it should be, in plain Python: what the design says. test_stateful.py does the same to it and to the store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from exqueue.model.job import Terms
from exqueue.model.lifecycle import Place
from exqueue.store.replies import Empty, Settled, Stale, Unregistered
from tests.store.places_model import ModelJob, Places, Spent

Start = tuple[str, str, str, Spent]  # slot, id, token, and what it was told of the starts so far
Shut = tuple[str, bool]  # "closed", and whether it says when to ask again
Answer = Start | Shut | Empty | Unregistered

VERDICTS: dict[str, tuple[Spent, Place]] = {  # what they add to what was spent, and where they lead
    "retry": ((0, 1, 0), Place.DELAYED), "snooze": ((0, 0, 0), Place.DELAYED), "release": ((-1, 0, 0), Place.PENDING),
    "fail": ((0, 1, 0), Place.FAILED), "unspent": ((-1, 0, 0), Place.FAILED), "discard": ((0, 0, 0), Place.NONE),
}  # fmt: skip
DEATHS: dict[str, tuple[Spent, Place]] = {"crash": ((0, 0, 1), Place.PENDING), "poison": ((0, 0, 1), Place.FAILED)}


@dataclass
class QueueModel(Places):
    """All steps. `most`: how many may run at once; `rate`: how many may start before the window passes; 0 for any number."""

    most: int = 0
    rate: int = 0
    starts: int = 0  # since the window passed
    slots: set[str] = field(default_factory=set)
    settled: dict[str, str] = field(default_factory=dict)
    outbox: set[str] = field(default_factory=set)
    paused: bool = False
    crowded: bool = False
    bell: int = 0

    def enqueue(self, job_id: str, terms: Terms, *, later: bool = False) -> str:
        """The id that it is known by, empty if it is new."""
        if job_id in self.jobs or job_id in self.gone:
            return job_id
        for job in self.jobs.values():
            if terms.unique and job.terms.unique == terms.unique and job.place is not Place.DONE:
                return job.id
        job = self.jobs[job_id] = ModelJob(job_id, terms, Place.DELAYED)
        self.enqueued += 1
        if not later:
            self.append(job)
        return ""

    def open(self, slot: str) -> None:
        self.slots.add(slot)
        self.held[slot] = []

    def move(self, slot: str, job_id: str) -> None:
        """A BLMOVE has brought this job. Which of the line it takes is not said: the claim sets it right."""
        assert self.jobs[job_id].place is Place.PENDING
        self.jobs[job_id].place = Place.PROCESSING
        self.held[slot].append(job_id)

    def claim(self, slot: str, token: str) -> Answer:
        """What it runs already; else the first of the line and of what was moved into its list."""
        if slot not in self.slots:
            return Unregistered()
        held = self.held[slot]
        first = self.jobs[held[0]] if held else None
        if first and first.token:
            return (slot, first.id, first.token, first.spent)
        shut, line = self._shut(), [self.jobs[job_id] for job_id in self.ids(Place.PENDING)]
        if first and (shut or (line and line[0].rank < first.rank)):
            held.remove(first.id)
            first.place, first = Place.PENDING, None
        if shut:
            return shut
        first = first or next(iter(line), None)
        if first is None:
            return Empty()
        if first.id not in held:
            held.insert(0, first.id)
        first.place, first.token, first.begun = Place.PROCESSING, token, True
        first.spent = (first.spent[0] + 1, *first.spent[1:])
        self.starts += 1
        return (slot, first.id, token, first.spent)

    def _shut(self) -> Shut | None:
        if self.paused:
            return "closed", False
        if self.most and sum(1 for job in self.jobs.values() if job.token) >= self.most:
            self.crowded = True
            return "closed", False
        return ("closed", True) if self.rate and self.starts >= self.rate else None

    def _ended(self, slot: str, job_id: str, token: str) -> tuple[ModelJob | None, Settled | Stale]:
        """The job, if this ends it. Settled also if this start is the one that the slot has settled last."""
        job = self.jobs.get(job_id)
        if job is None or job.token != token:
            return None, Settled() if self.settled.get(slot) == token else Stale()
        self.settled[slot] = token
        self._end(slot, job)
        return job, Settled()

    def _end(self, slot: str, job: ModelJob) -> None:
        self.held[slot].remove(job.id)
        job.token = ""

    def _wake(self) -> None:
        """A place is free: tell somebody who was told that too many run. What nobody hears is not rung for ever."""
        self.crowded = self.crowded and self.bell < 16
        self.bell += self.crowded

    def _judge(self, job: ModelJob, verdict: tuple[Spent, Place]) -> None:
        more, job.place = verdict
        job.spent = (job.spent[0] + more[0], job.spent[1] + more[1], job.spent[2] + more[2])
        if job.place is Place.FAILED and not job.terms.blocks:
            self.leave_key(job)
        if job.place is Place.NONE:
            self.remove(job)

    def settle(self, start: Start, verdict: str) -> Settled | Stale:
        """The end of a start that has not succeeded."""
        job, answer = self._ended(*start[:3])
        if job:
            self._wake()
            job.begun = verdict != "release"
            self._judge(job, VERDICTS[verdict])
        return answer

    def complete(self, start: Start, next_token: str, *, keep: bool) -> Answer | Settled | Stale:
        """The end of a start that has succeeded; with a token, the next claim."""
        job, answer = self._ended(*start[:3])
        if job:
            job.place = Place.DONE
            self.outbox |= {job.id} if job.terms.chained else set()
            if keep:
                self.leave_key(job)
            else:
                self.remove(job)
        reply: Answer | Settled | Stale = answer
        if next_token and answer == Settled():
            reply = self.claim(start[0], next_token) if job else self._claimed_then(start[0])
        if job and not (isinstance(reply, tuple) and len(reply) == 4):  # else the place is taken again
            self._wake()
        return reply

    def _claimed_then(self, slot: str) -> Answer:
        """Asked again: what was claimed then, if anything was. A slot that was closed meanwhile takes nothing new."""
        held = [self.jobs[job_id] for job_id in self.held[slot][:1]]
        return next(((slot, job.id, job.token, job.spent) for job in held if job.token), Empty())

    def recover(self, slot: str, started: tuple[str, str], verdict: str) -> str:
        """Take back what a dead process holds; `started`: id and token of what it is known to run."""
        if slot not in self.held:
            return "gone"
        held = [self.jobs[job_id] for job_id in self.held[slot]]
        if any(job.token and (job.id, job.token) != started for job in held):
            return "changed"
        self.slots.discard(slot)
        for job in held:
            if job.token:
                self._end(slot, job)
                self._wake()
                self._judge(job, DEATHS[verdict])
            else:
                job.place = Place.PENDING
        self.held[slot] = []
        return "recovered"

    def bury(self, slot: str) -> bool:
        empty = not self.held[slot]
        if empty:
            del self.held[slot]
            self.settled.pop(slot, None)
        return empty

    def promote(self, limit: int) -> int:
        """Those whose time has come: the head of a key to its old place, all others to the end of the line or of their key."""
        for job in (found := self.due(Place.DELAYED, limit)):
            (self.join if self.is_head(job) else self.append)(job)
        return len(found)

    def purge(self, limit: int) -> int:
        """Remove those that were kept long enough."""
        return self.remove(*self.due(Place.DONE, limit))

    def delete(self, ids: Iterable[str]) -> int:
        """Remove failed jobs, and those that are done and kept."""
        return self.remove(*self.those(ids, Place.FAILED, Place.DONE))

    def cancel(self, ids: Iterable[str]) -> int:
        """Remove jobs that have not begun, or wait for a retry."""
        return self.remove(*self.those(ids, Place.PENDING, Place.DELAYED, Place.WAITING))

    def skip(self, ids: Iterable[str]) -> int:
        """The jobs stay failed, their keys go on."""
        found = [job for job in self.those(ids, Place.FAILED) if self.is_head(job)]
        for job in found:
            self.leave_key(job)
        return len(found)

    def requeue(self, ids: Iterable[str]) -> int:
        """Run failed jobs again: those of a key in their old order, unless another of it has begun, or blocks it."""
        found = self.those(ids, Place.FAILED)
        for job in found:
            job.spent, job.begun = (job.spent[0], 0, 0), False
            if not job.terms.key:
                self.append(job)
                continue
            head = self.jobs[self.heads.setdefault(job.terms.key, job.id)]
            job.place = Place.WAITING
            if head is job or (head.place is Place.PENDING and not head.begun and head.seq > job.seq):
                head.place = Place.WAITING
                self.leave_key(head)
        return len(found)

    def pause(self) -> bool:
        """Let nothing begin; False if it is so already."""
        paused, self.paused = self.paused, True
        return not paused

    def resume(self) -> bool:
        """Let jobs begin, and wake whoever waits."""
        paused, self.paused = self.paused, False
        self.bell = len(self.slots) if paused else self.bell
        return paused
