"""Jobs as a person handles them: one `Job`, a lazy list of `Jobs`. Nothing here unpickles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, overload

from exqueue.client.results import wait_for_result
from exqueue.model.errors import JobNotFound, NotPossible, StoreCorrupt
from exqueue.model.job import ErrorInfo, JobRecord
from exqueue.model.lifecycle import Place
from exqueue.model.text import one_line
from exqueue.store.base import BATCH
from exqueue.store.reads import PAGE, Reader
from exqueue.store.steps import Store
from exqueue.store.unreadable import Unreadable

Step = Callable[[str, Sequence[str]], int]

_ADVICE: Final = {
    Place.NONE: "it has succeeded or was deleted",
    Place.PENDING: "it will run by itself; cancel removes it",
    Place.DELAYED: "it will run by itself when it is due; cancel removes it",
    Place.WAITING: "it will run by itself after the jobs before it of its key; cancel removes it",
    Place.PROCESSING: "wait until it has ended, or stop it with cancel(running=True)",
    Place.FAILED: "requeue runs it again, delete removes it",
    Place.DONE: "it has succeeded; delete removes its result",
}


class Job:
    """One job. `new`: False if an enqueue found that this id was accepted before."""

    def __init__(self, store: Store, reader: Reader, queue: str, job_id: str, *, new: bool = True, seen: JobRecord | None = None) -> None:
        self._store = store
        self._reader = reader
        self.queue = queue
        self.id = job_id
        self.new = new
        self._seen = seen

    def record(self) -> JobRecord:
        """All that is known of it now, with the error of every attempt. Raises JobNotFound when it is gone."""
        found = self._reader.find(self.queue, self.id)
        if found is None:
            raise JobNotFound(self.id)
        return found

    @property
    def seen(self) -> JobRecord:
        """What a list showed of it, without asking again."""
        return self._seen or self.record()

    def state(self) -> Place:
        """Where it is now; `Place.NONE` once it has succeeded or was deleted."""
        found = self._reader.find(self.queue, self.id)
        return found.place if found else Place.NONE

    @property
    def errors(self) -> tuple[ErrorInfo, ...]:
        """The error of every attempt so far, oldest first."""
        return self.record().errors

    def result(self, timeout: float | None = None) -> Any:
        """What `perform` returned; waits for it. Errors: see `results.wait_for_result`."""
        return wait_for_result(self._reader, self.queue, self.id, timeout)

    def requeue(self) -> None:
        """Run it again, with all its retries. Raises NotPossible unless it is in `failed`."""
        self._act("requeue", self._store.requeue(self.queue, [self.id]))

    def skip(self) -> None:
        """Let its key go on without it. Raises NotPossible unless it failed and blocks its key."""
        if not self._store.skip(self.queue, [self.id]):
            raise NotPossible(self.id, self.state().value, "skip", "only a failed job that blocks its key can be skipped")

    def delete(self) -> None:
        """Remove it for good. Raises NotPossible unless it is in `failed`."""
        self._act("delete", self._store.delete(self.queue, [self.id]))

    def cancel(self, *, running: bool = False) -> None:
        """Remove it before it begins. Raises NotPossible once it has, unless `running`.

        `running`: one that runs is asked to stop, as by a time limit, and is then removed. That takes its runner a moment;
        `state()` is `Place.NONE` when it is done. If it succeeds first it has succeeded.
        """
        done = self._store.cancel(self.queue, [self.id])
        if running and not done:  # once more cancel: it may have gone from running to delayed between the two
            done = self._store.stop(self.queue, [self.id]) or self._store.cancel(self.queue, [self.id])
        self._act("cancel", done)

    def _act(self, action: str, done: int) -> None:
        if not done:
            place = self.state()
            raise NotPossible(self.id, "gone" if place is Place.NONE else place.value, action, _ADVICE[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and (self.queue, self.id) == (other.queue, other.id)

    def __hash__(self) -> int:
        return hash((self.queue, self.id))

    def __repr__(self) -> str:
        if self._seen is None:
            return f"<Job {one_line(self.id)} of {one_line(self.queue)}>"
        return f"<Job {one_line(self.id)} of {one_line(self.queue)}, {self._seen.place}: ({one_line(self._seen.header.args)})>"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs of a list are meant. `worker`, `error`: text found in the worker's name, in the last error's type or message.

    `since`: only what failed, or elsewhere was enqueued, after that, ms since 1970. `ids`: whole ids, or their beginnings. `key`: the key.
    """

    worker: str | None = None
    error: str | None = None
    since: int | None = None
    ids: tuple[str, ...] | None = None
    key: str | None = None

    def takes(self, record: JobRecord, error: ErrorInfo | None) -> bool:
        """Whether this job is meant."""
        if self.worker is not None and self.worker not in record.header.worker:
            return False
        if self.key is not None and record.terms.key != self.key:
            return False
        if self.since is not None and (record.when if record.place is Place.FAILED else record.header.at) < self.since:
            return False
        if self.ids is not None and not any(beginning and record.id.startswith(beginning) for beginning in self.ids):
            return False
        return self.error is None or (error is not None and self.error in f"{error.type}: {error.message}")


class Jobs:
    """The jobs of one place, in one or several queues: read from Redis page by page each time it is asked.

    What reads all of them, or acts on all, does so in each queue; then it raises StoreCorrupt for those where it could not.
    """

    def __init__(self, store: Store, reader: Reader, place: Place, queues: Sequence[str], filters: tuple[Filter, ...] = ()) -> None:
        self._store = store
        self._reader = reader
        self._place = place
        self._queues = queues
        self._filters = filters

    def filter(
        self, *, worker: str | None = None, error: str | None = None, since: float | None = None, ids: Sequence[str] | None = None,
        key: str | None = None,
    ) -> Jobs:  # fmt: skip
        """Only some of them; see `Filter`. `since`: seconds since 1970. Filters of filters only narrow."""
        more = Filter(worker, error, None if since is None else int(since * 1000), None if ids is None else tuple(ids), key)
        return Jobs(self._store, self._reader, self._place, self._queues, (*self._filters, more))

    def __iter__(self) -> Iterator[Job]:
        """One queue after the other. Raises StoreCorrupt for those that cannot be read, once the others are through."""
        unreadable = Unreadable()
        for queue in self._queues:
            yield from unreadable.through(self._of(queue))
        unreadable.raise_any()

    def _of(self, queue: str) -> Iterator[Job]:
        found = self._reader.all_in(queue, self._place)
        while page := list(islice(found, PAGE)):
            for record in self._wanted(queue, page):
                yield Job(self._store, self._reader, queue, record.id, seen=record)

    def _wanted(self, queue: str, page: list[JobRecord]) -> Iterator[JobRecord]:
        asks = self._place is Place.FAILED or any(one.error is not None for one in self._filters)
        errors = self._reader.last_errors(queue, [record.id for record in page]) if asks else [None] * len(page)
        for record, error in zip(page, errors, strict=True):
            if all(one.takes(record, error) for one in self._filters):
                yield replace(record, errors=(error,) if error else ())

    def __len__(self) -> int:
        if not self.is_filtered:
            return sum(self._reader.count(queue, self._place) for queue in self._queues)
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> list[Job]: ...
    def __getitem__(self, index: int | slice) -> Job | list[Job]:
        if isinstance(index, slice):
            return list(self)[index]
        if index < 0:
            index += len(self)
        found = next(islice(iter(self), index, None), None) if index >= 0 else None
        if found is None:
            raise IndexError(f"there are only {len(self)} such jobs")
        return found

    def requeue(self) -> int:
        """Run all of them again, in this order; how many."""
        return self._all(self._store.requeue)

    def delete(self) -> int:
        """Remove all of them for good; how many. For jobs in `failed`."""
        return self._all(self._store.delete)

    def cancel(self) -> int:
        """Remove all of them before they begin; how many. For jobs that are pending, waiting or delayed."""
        return self._all(self._store.cancel)

    def skip(self) -> int:
        """Let the keys that these failed jobs block go on without them; how many."""
        return self._all(self._store.skip)

    def _all(self, step: Step) -> int:
        return sum(self.act(step))

    def act(self, step: Step, limit: int | None = None) -> Iterator[int]:
        """Do this to all of them, or to the first ones, a hundred at a time: for how many it was done each time.

        As many ids are held as one page has. Of jobs that stand in a line all are: what leaves it moves what is still to be read.
        Raises StoreCorrupt for queues that cannot be read, once it was done to the others.
        """
        unreadable = Unreadable()
        for queue in self._queues:
            for asked, done in unreadable.through(self._act_on(queue, step, limit)):
                limit = None if limit is None else limit - asked
                yield done
        unreadable.raise_any()

    def _act_on(self, queue: str, step: Step, limit: int | None) -> Iterator[tuple[int, int]]:
        ids = islice(self._ids(queue), limit)
        for some in hundreds(ids if self._place in (Place.FAILED, Place.DONE) else list(ids)):
            yield len(some), step(queue, some)

    def _ids(self, queue: str) -> Iterator[str]:
        if self.is_filtered:
            return (job.id for job in Jobs(self._store, self._reader, self._place, [queue], self._filters))
        return self._reader.ids_in(queue, self._place)

    def each(self) -> list[Jobs]:
        """The same, queue by queue."""
        return [Jobs(self._store, self._reader, self._place, [queue], self._filters) for queue in self._queues]

    @property
    def is_filtered(self) -> bool:
        """Whether they are only some of the jobs of their place, so that to count them is to read them all."""
        return any(one != Filter() for one in self._filters)

    def __repr__(self) -> str:
        try:
            return self._described()
        except StoreCorrupt as error:  # somebody looks at it: a traceback would tell less
            return f"<{self._place} jobs: {error}>"

    def _described(self) -> str:
        shown = [repr(job) for job in islice(iter(self), 5)]
        more = len(self) - len(shown)
        return "\n".join([f"{len(self)} {self._place} job(s)", *shown, *([f"… and {more} more"] if more > 0 else [])])


def hundreds(ids: Iterable[str]) -> Iterator[list[str]]:
    """As many ids at a time as a step takes."""
    ids = iter(ids)
    while some := list(islice(ids, BATCH)):
        yield some
