"""The steps by which runners look after a queue: slots and beats, recovery, what is due, what has followed."""

from __future__ import annotations

from typing import Any

from exqueue.model import policy as verdicts
from exqueue.model.chain import NewJob
from exqueue.model.lifecycle import Place
from exqueue.store.base import BATCH, Steps
from exqueue.store.replies import raw_id


class CareSteps(Steps):
    """One method for each Lua file of the same name."""

    def register(self, queue: str, slot: str, info: str, runner: str) -> bool:
        """Open a slot; False if it was closed before and so stays closed."""
        return bool(self._run("register", queue, slot=slot, info=info, runner=runner)[0] == b"registered")

    def beat(self, queue: str, runner: str, slots: dict[str, str]) -> list[str]:
        """Show that a runner lives. `slots`: its open ones and their info; returns those that were closed by others."""
        flat = tuple(text for pair in slots.items() for text in pair)
        return [slot.decode() for slot in self._run("beat", queue, rest=flat, runner=runner)[1:]]

    def depart(self, queue: str, runner: str, beat: str = "") -> None:
        """Take a runner off the list of those that beat."""
        self._run("depart", queue, runner=runner, beat=beat)

    def recover(
        self, queue: str, slot: str, runner: str, beat: str, started: tuple[str, str], verdict: verdicts.Fail | verdicts.Recover | None
    ) -> str:
        """Take back what a dead process holds. `started`: id and token of the start that was cut off, empty if none.

        `beat`: see recover.lua. Returns `recovered`, `gone`, `alive`, or `changed` (look again, then repeat).
        """
        to = Place.FAILED if isinstance(verdict, verdicts.Fail) else Place.PENDING
        reply = self._run(
            "recover", queue, slot=slot, runner=runner, beat=beat, id=raw_id(started[0]), token=started[1], to=to.value,
            error=verdict.error.encode() if verdict else b"",
        )  # fmt: skip
        return str(reply[0].decode())

    def bury(self, queue: str, slot: str, age_ms: int) -> bool:
        """Forget a closed slot that is empty and older than `age_ms`."""
        return bool(self._run("bury", queue, slot=slot, age_ms=age_ms)[0] == b"buried")

    def promote(self, queue: str, limit: int = BATCH) -> tuple[int, int | None]:
        """Move jobs that are due into the line: how many, and in how many ms the next one will be."""
        _, moved, wait = self._run("promote", queue, limit=limit)
        return moved, int(wait) if wait else None

    def schedule(self, queue: str, worker: str, now_ms: int, described: str, *, future_ms: int | None = None) -> None:
        """Record a schedule, so that it fires for ticks after `now_ms` (Redis clock), or after a later one recorded before.

        `future_ms`: the last tick as recorded, if that is to come again because the clock was set back.
        """
        future = "" if future_ms is None else future_ms
        self._run("schedule", queue, worker=worker, from_ms=now_ms, described=described, future=future)

    def unschedule(self, queue: str, worker: str) -> None:
        """Forget the schedule of a worker."""
        self._run("unschedule", queue, worker=worker)

    def fire(self, queue: str, worker: str, tick_ms: int, described: str, job: NewJob) -> str:
        """Enqueue the job of a tick, once: `fired`, `late` (this or a later tick is recorded), or `known` (see fire.lua)."""
        what: dict[str, Any] = {"id": job.id, "header": job.head, "body": job.body, "terms_of_it": job.terms}
        return str(self._run("fire", queue, worker=worker, tick_ms=tick_ms, described=described, **what)[0].decode())

    def purge(self, queue: str, limit: int = BATCH) -> int:
        """Remove jobs that are done and were kept long enough; how many."""
        return int(self._run("purge", queue, limit=limit)[1])

    def deliver(self, queue: str, job_id: str) -> None:
        """Strike off what was to follow a job, once it is enqueued."""
        self._run("deliver", queue, id=raw_id(job_id))
