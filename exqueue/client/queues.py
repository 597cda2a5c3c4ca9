"""A queue as a person handles it: its counts, its jobs, its blocked keys; pause and resume."""

from __future__ import annotations

from exqueue.client.jobs import Job, Jobs
from exqueue.model.errors import StoreCorrupt
from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from exqueue.model.text import one_line
from exqueue.store.reads import BlockedKey, Reader
from exqueue.store.steps import Store


class Queue:
    """One queue: its counts and its jobs."""

    def __init__(self, store: Store, reader: Reader, name: str) -> None:
        self._store = store
        self._reader = reader
        self.name = name

    def counts(self) -> Counts:
        """How many jobs are where."""
        return self._reader.counts(self.name)

    def jobs(self, place: Place) -> Jobs:
        """Its jobs in one place."""
        return Jobs(self._store, self._reader, place, [self.name])

    def failed(self) -> Jobs:
        """Its jobs in `failed`."""
        return self.jobs(Place.FAILED)

    def blocked(self) -> list[BlockedKey]:
        """Its keys whose head has failed for good: nothing of them runs until a person requeues, skips or deletes it."""
        return self._reader.blocked(self.name)

    def pause(self) -> bool:
        """Let no job begin until `resume`, on any runner; jobs that run are not touched. False if it was paused already."""
        return self._store.pause(self.name)

    def resume(self) -> bool:
        """Let jobs begin again, at once. False if it was not paused."""
        return self._store.resume(self.name)

    def find(self, job_id: str) -> Job | None:
        """One job by its whole id; None if this queue does not have it."""
        found = self._reader.find(self.name, job_id)
        return Job(self._store, self._reader, self.name, job_id, seen=found) if found else None

    def __repr__(self) -> str:
        try:
            return f"<Queue {one_line(self.name)}: {self.counts()}>"
        except StoreCorrupt as error:
            return f"<Queue {one_line(self.name)}: {error}>"
