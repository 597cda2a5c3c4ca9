"""Jobs and places as they should be, in plain Python; what the steps of queue_model.py move about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from exqueue.model.job import Terms
from exqueue.model.lifecycle import Place

Spent = tuple[int, int, int]  # attempts, failures, crashes


@dataclass
class ModelJob:
    """A job. It is PROCESSING also when a BLMOVE moved it into a slot and nobody has claimed it; then it has no token."""

    id: str
    terms: Terms
    place: Place
    seq: int = 0
    spent: Spent = (0, 0, 0)
    token: str = ""
    due: int = 0  # 0: not in the time of a test
    begun: bool = False  # since it was enqueued or requeued; a start that was taken back does not count

    @property
    def rank(self) -> tuple[int, int]:
        """Where it stands in the line."""
        return -self.terms.priority, self.seq


@dataclass
class Places:
    """Which job is where, and how places change. `held`: what each slot holds, until a closed one is buried."""

    jobs: dict[str, ModelJob] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    heads: dict[str, str] = field(default_factory=dict)
    held: dict[str, list[str]] = field(default_factory=dict)
    seq: int = 0
    enqueued: int = 0
    completed: int = 0
    deleted: int = 0

    def ids(self, place: Place) -> list[str]:
        """The jobs of one place: those in line in its order, those that wait by their keys, all others as they were enqueued."""
        found = [job for job in self.jobs.values() if job.place is place]
        if place is Place.PENDING:
            found.sort(key=lambda job: job.rank)
        if place is Place.WAITING:
            found.sort(key=lambda job: (job.terms.key, job.seq))
        return [job.id for job in found]

    def blocked(self) -> set[str]:
        """The keys whose head has failed for good."""
        return {key for key, head in self.heads.items() if self.jobs[head].place is Place.FAILED}

    def is_head(self, job: ModelJob) -> bool:
        return self.heads.get(job.terms.key) == job.id

    def append(self, job: ModelJob) -> None:
        """To the end of the line."""
        self.seq += 1
        job.seq = self.seq
        self.join(job)

    def join(self, job: ModelJob) -> None:
        """To its place in the line, or behind the head of its key."""
        ready = not job.terms.key or self.heads.setdefault(job.terms.key, job.id) == job.id
        job.place, job.due = (Place.PENDING if ready else Place.WAITING), 0

    def leave_key(self, job: ModelJob) -> None:
        """The oldest that waits behind it becomes the head."""
        if self.is_head(job):
            del self.heads[job.terms.key]
            behind = [other for other in self.jobs.values() if other.place is Place.WAITING and other.terms.key == job.terms.key]
            if behind:
                self.join(min(behind, key=lambda other: other.seq))

    def remove(self, *those: ModelJob) -> int:
        """What is done is counted as completed, all else as deleted."""
        for job in those:
            self.completed += job.place is Place.DONE
            self.deleted += job.place is not Place.DONE
            job.place = Place.NONE
            self.leave_key(job)
            del self.jobs[job.id]
            self.gone.add(job.id)
        return len(those)

    def those(self, ids: Iterable[str], *places: Place) -> list[ModelJob]:
        """The jobs of these ids that are in one of these places."""
        return [self.jobs[job_id] for job_id in dict.fromkeys(ids) if job_id in self.jobs and self.jobs[job_id].place in places]

    def due(self, place: Place, limit: int) -> list[ModelJob]:
        """The first of those whose time has come."""
        return sorted((job for job in self.jobs.values() if job.place is place and job.due), key=lambda job: job.due)[:limit]
