"""The steps of a job's life, one method for each Lua file of the same name. Nothing here is made of two steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from exqueue.model import policy as verdicts
from exqueue.model.ids import new_id
from exqueue.model.job import Claim, Header, Run
from exqueue.model.lifecycle import Place
from exqueue.store.channel import Channel
from exqueue.store.keys import QueueKeys, queue_keys, registry_key
from exqueue.store.scripts import script

BATCH_BYTES: Final = 64 * 1024 * 1024
BATCH: Final = 100  # ids one script call may carry: a script blocks the server while it runs


@dataclass(frozen=True, slots=True)
class Empty:
    """There is nothing to claim."""


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The slot was closed, or the server was emptied: its process must not run anything more."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The job belongs to someone else by now; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Done, now or when it was first asked."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be written: what `enqueue` takes."""

    id: str
    header: Header
    body: bytes


class Store:
    """The steps, on one namespace of one server. Every method may raise StoreError; all are safe to repeat."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        self.channel = channel
        self.namespace = namespace
        self._announced: set[str] = set()

    def keys(self, queue: str) -> QueueKeys:
        """The keys of a queue."""
        return queue_keys(self.namespace, queue)

    def announce(self, queue: str) -> None:
        """Put a queue on the list of queues; before its first job, so that no job is where nobody looks."""
        registry = registry_key(self.namespace)
        if not self.channel.ask([("SISMEMBER", registry, queue)])[0]:  # a full server refuses to be told again
            self.channel.ask([("SADD", registry, queue)])
        self._announced.add(queue)

    def enqueue(self, queue: str, jobs: Sequence[NewJob], delay_ms: int = 0) -> list[bool]:
        """Accept jobs, a hundred in one step; for each whether it is new (False: this id was accepted before)."""
        if queue not in self._announced:
            self.announce(queue)
        fresh = [True] * len(jobs)
        for start, end in _batches(jobs):
            rest: list[str | bytes] = []
            for job in jobs[start:end]:
                rest += (job.id, job.header.encode(), job.body)
            reply = self._run("enqueue", queue, rest=tuple(rest), delay_ms=delay_ms)
            if reply[0] == b"founded":  # also after somebody emptied the server under us
                self.announce(queue)
            for position in reply[1:]:
                fresh[start + position] = False
        return fresh

    def wait(self, queue: str, slot: str, seconds: float, wake: int | None) -> None:
        """Block until a job has been moved into the slot's list, at most so long. What came, only `claim` can tell."""
        keys = self.keys(queue)
        self.channel.wait_for_move(keys["pending"], keys.processing(slot), seconds, wake)

    def claim(self, queue: str, slot: str, token: str) -> Claim | Empty | Unregistered:
        """Take the next job, or the one the slot holds already; the same answer for the same token."""
        reply = self._run("claim", queue, slot=slot, token=token)
        if reply[0] == b"unregistered":
            return Unregistered()
        return _claimed(queue, reply)

    def complete(self, claim: Claim, slot: str, next_token: str) -> Claim | Empty | Stale | Settled:
        """Remove a job that has succeeded and, with a `next_token`, claim the next one in the same step."""
        reply = self._run("complete", claim.queue, slot=slot, id=raw_id(claim.id), token=claim.token, next_token=next_token)
        if reply[0] == b"stale":
            return Stale()
        return Settled() if reply[0] == b"completed" else _claimed(claim.queue, reply)

    def apply(self, claim: Claim, slot: str, verdict: verdicts.Settling) -> Settled | Stale:
        """Settle a job that has not succeeded."""
        who: dict[str, Any] = {"slot": slot, "id": raw_id(claim.id), "token": claim.token}
        match verdict:
            case verdicts.Retry(seconds, error):
                reply = self._run("retry", claim.queue, **who, delay_ms=_ms(seconds), error=error.encode())
            case verdicts.Snooze(seconds):
                reply = self._run("snooze", claim.queue, **who, delay_ms=_ms(seconds))
            case verdicts.Fail(error, spent):
                reply = self._run("fail", claim.queue, **who, spent=int(spent), error=error.encode())
            case verdicts.Release():
                reply = self._run("release", claim.queue, **who)
            case verdicts.Discard():
                reply = self._run("discard", claim.queue, **who)
            case _:
                assert_never(verdict)
        return Stale() if reply[0] == b"stale" else Settled()

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

    def requeue(self, queue: str, ids: Sequence[str]) -> int:
        """Run failed jobs again; how many of them were in `failed`."""
        return self._each("requeue", queue, ids)

    def delete(self, queue: str, ids: Sequence[str]) -> int:
        """Remove failed jobs; how many of them were in `failed`."""
        return self._each("delete", queue, ids)

    def cancel(self, queue: str, ids: Sequence[str]) -> int:
        """Remove jobs that have not begun; how many of them had not."""
        return self._each("cancel", queue, ids)

    def stop(self, queue: str, ids: Sequence[str]) -> int:
        """Ask that jobs be stopped that run; how many of them do. They go on until their runners have seen it."""
        return sum(self._run("stop", queue, rest=chunk)[1] for chunk in _chunks(ids))

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

    def _each(self, step: str, queue: str, ids: Sequence[str]) -> int:
        return sum(self._run(step, queue, rest=chunk, request=new_id())[1] for chunk in _chunks(ids))

    def _run(self, step: str, queue: str, rest: tuple[str | bytes, ...] = (), **argv: Any) -> list[Any]:
        loaded = script(step)
        return self.channel.run(loaded, loaded.locate(self.keys(queue), argv), loaded.arguments(argv, rest))


def _chunks(ids: Sequence[str]) -> list[tuple[str | bytes, ...]]:
    return [tuple(map(raw_id, ids[start : start + BATCH])) for start in range(0, len(ids), BATCH)]


def _batches(jobs: Sequence[NewJob]) -> list[tuple[int, int]]:
    """Where to cut: at most BATCH jobs and about BATCH_BYTES of bodies a step; a server takes 1 GB in one request."""
    cuts, start, size = [], 0, 0
    for position, job in enumerate(jobs):
        if position - start == BATCH or (size + len(job.body) > BATCH_BYTES and position > start):
            cuts.append((start, position))
            start, size = position, 0
        size += len(job.body)
    return [*cuts, (start, len(jobs))] if jobs else []


def raw_id(job_id: str) -> str | bytes:
    """An id as it is sent. Ids of ours are ASCII; one that somebody else put there may be any bytes."""
    if job_id.isascii():
        return job_id
    try:
        return job_id.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that no bytes of Redis ever decode to: it names nothing
        return job_id.encode("utf-8", "surrogatepass")


def text_id(raw: bytes) -> str:
    """The reverse of `raw_id`."""
    return raw.decode("utf-8", "surrogateescape")


def _ms(seconds: float) -> int:
    return round(min(seconds * 1000, 1e15))


def _claimed(queue: str, reply: list[Any]) -> Claim | Empty:
    if reply[0] == b"empty":
        return Empty()
    _, job_id, token, attempt, failures, crashes, since, header, body = reply
    run = Run(attempt, failures, crashes, since, token.decode())
    return Claim(text_id(job_id), queue, token.decode(), run, Header.decode(header), body)
