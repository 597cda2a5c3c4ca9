"""The steps of a job's life, one method for each Lua file of the same name. Nothing here is made of two steps."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, assert_never

from exqueue.model import policy as verdicts
from exqueue.model.chain import NewJob
from exqueue.model.errors import EnqueueUnknown, StoreError
from exqueue.model.job import PLAIN, Claim, Progress
from exqueue.model.schema import SCHEMA
from exqueue.store.base import BATCH, located
from exqueue.store.blocking import Behind
from exqueue.store.care import CareSteps
from exqueue.store.keys import registry_key, schema_key
from exqueue.store.person import PersonSteps
from exqueue.store.replies import Next, Settled, Stale, Unregistered, Unusual, raw_id, read_batch, read_next, text_id
from exqueue.store.schema import heed, parse_schema
from exqueue.store.scripts import script

BATCH_BYTES: Final = 64 * 1024 * 1024


class Store(PersonSteps, CareSteps):
    """All steps: those of clients and worker processes here, those of persons and runners inherited."""

    def announce(self, queue: str) -> None:
        """Put a queue on the list of queues; before its first job, so that no job is where nobody looks.

        Raises:
            SchemaTooNew: a newer exqueue has written there.
        """
        registry, schema = registry_key(self.namespace), schema_key(self.namespace)
        found, known = self.channel.ask([("GET", schema), ("SISMEMBER", registry, queue)])
        heed(parse_schema(found, self.namespace), self.namespace)
        self._looked = time.monotonic()
        if not known:  # a full server refuses to be told again
            self.channel.ask([("SETNX", schema, SCHEMA), ("SADD", registry, queue)])
        self._announced.add(queue)

    def push(self, queue: str, job: NewJob) -> str:
        """As `enqueue`, for one plain job whose id was made for this call."""
        if self._copies:
            return self.enqueue(queue, [job])[0]
        if queue not in self._announced:
            self.announce(queue)
        parts = [job.id, job.head, job.body]
        try:
            self.heed_schema()
            reply = self.channel.run(script("push"), located("push", self.keys(queue), None), ["1", *parts], lambda: ["", *parts])
        except StoreError as error:
            error.ids = (job.id,)
            raise
        if reply[0] == b"founded":
            self._announce_again(queue)
        return text_id(reply[2]) if reply[1:] else ""

    def enqueue(self, queue: str, jobs: Sequence[NewJob], due: str = "") -> list[str]:
        """Accept jobs, a hundred in one step; for each the id it is known by if it is known, an empty text if it is new.

        `due`: see `options.due_of`. Known: its own id was accepted before, or another job has its unique name. Raises
        EnqueueUnknown when too few replicas have confirmed it, also if it is known.
        """
        if queue not in self._announced:
            self.announce(queue)
        found = [""] * len(jobs)
        for start, end in _batches(jobs):
            try:
                reply = self._accept(queue, *_accepting(jobs[start:end], due), jobs, start)
            except StoreError as error:  # those before have been accepted
                error.ids, error.uncertain = tuple(job.id for job in jobs[start:]), error.uncertain or start > 0
                raise
            for position, known in zip(reply[1::2], reply[2::2], strict=True):
                found[start + position] = text_id(known)
        return found

    def _announce_again(self, queue: str) -> None:
        """Try to: the job is accepted, so no failure may say that it was not. A runner of the queue announces it, too."""
        self._announced.discard(queue)
        with contextlib.suppress(StoreError):
            self.announce(queue)

    def _accept(self, queue: str, step: str, run: dict[str, Any], jobs: Sequence[NewJob], start: int) -> list[Any]:
        self.heed_schema()
        reply, confirmed = self._run_confirmed(step, queue, **run) if self._copies else (self._run(step, queue, **run), 0)
        if reply[0] == b"founded":  # also after somebody emptied the server under us; and whether it is confirmed or not
            self._announce_again(queue)
        if confirmed < self._copies:
            raise EnqueueUnknown(tuple(job.id for job in jobs[start:]), confirmed, self._copies)
        return reply

    def wait(
        self, queue: str, slot: str, seconds: float, wake: int | None, *, closed: bool = False, token: str = "", limits: str = "",
        heard: Callable[[], None] = lambda: None,
    ) -> Next | Unregistered | None:  # fmt: skip
        """Block until a job has been moved into the slot's list, at most so long. What came, only `claim` can tell.

        `closed`: while the queue is paused or limited, wait for its bell instead of for its jobs. `token`: `claim` follows in the
        same request, whatever came, and this is what it answers; None if it is to be asked for by itself. `heard`: called
        when the end of the wait was heard of, before that answer is read; not without a token.
        """
        keys, claim = self.keys(queue), script("claim")
        argv = claim.arguments({"slot": slot, "token": token, "limits": limits}, ())
        behind = Behind(claim, located("claim", keys, slot), argv, heard) if token else None
        source = keys["bell" if closed else "pending"]
        reply = self.channel.wait_for_move(source, keys.processing(slot), seconds, wake, behind)
        return None if reply is None else _read_claim(queue, reply)

    def claim(self, queue: str, slot: str, token: str, limits: str = "") -> Next | Unregistered:
        """Take the next job, or the one the slot holds already; the same answer for the same token.

        `limits`: see `worker.limits_of`.
        """
        return _read_claim(queue, self._run("claim", queue, slot=slot, token=token, limits=limits))

    def complete(
        self, claim: Claim, slot: str, next_token: str, limits: str = "", *, keep_ms: int = 0, result: bytes = b""
    ) -> Next | Stale | Settled:
        """Settle a job that has succeeded and, with a `next_token`, claim the next one in the same step.

        A plain job of a queue without limits is removed by complete.lua, where nothing speaks against it; others by finish.lua.
        """
        who: dict[str, Any] = {"slot": slot, "id": raw_id(claim.id), "token": claim.token, "next_token": next_token}
        plain = not (keep_ms or limits) and claim.terms == PLAIN and claim.run.attempt == 1
        reply = self._run("complete", claim.queue, **who) if plain else [b"unusual"]
        if reply[0] == b"unusual":
            reply = self._run("finish", claim.queue, **who, limits=limits, keep_ms=keep_ms, result=result)
        if reply[0] == b"stale":
            return Stale()
        return Settled() if reply[0] == b"completed" else read_next(claim.queue, reply)

    def batch(
        self, queue: str, slot: str, done: Sequence[Claim], first: int = 0, most: int = 0
    ) -> tuple[Claim, ...] | Unregistered | Unusual:
        """Settle jobs that have succeeded, plain ones that stand at the head of what the slot holds, a hundred at most.

        With a `first`, the number for the first token, claim up to `most` that stand next; asked again, those that were claimed
        then. Nothing is claimed where the next job is not plain or has begun before: that is for `claim`.
        """
        rest = [part for claim in done for part in (raw_id(claim.id), claim.token)]
        reply = self._run("batch", queue, rest, slot=slot, first=first or "", most=most)
        if reply[0] == b"unusual":
            return Unusual()
        return Unregistered() if reply[0] == b"unregistered" else read_batch(queue, reply)

    def apply(self, claim: Claim, slot: str, verdict: verdicts.Settling) -> Settled | Stale:
        """Settle a job that has not succeeded; one that a person wants to be stopped is discarded, whatever the verdict."""
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
        if reply[0] == b"stopped":  # and asked again, it says so again
            return self.apply(claim, slot, verdicts.Discard())
        return Stale() if reply[0] == b"stale" else Settled()

    def report(self, claim: Claim, note: Progress) -> Settled | Stale:
        """Note how far a running job has come."""
        reply = self._run("report", claim.queue, id=raw_id(claim.id), token=claim.token, note=note.encode())
        return Stale() if reply[0] == b"stale" else Settled()


def _read_claim(queue: str, reply: list[Any]) -> Next | Unregistered:
    return Unregistered() if reply[0] == b"unregistered" else read_next(queue, reply)


def _accepting(jobs: Sequence[NewJob], due: str) -> tuple[str, dict[str, Any]]:
    """The step that accepts jobs, and what it is given; plain ones need less of both."""
    if due or any(job.terms or job.chain for job in jobs):
        return "enqueue", {"due": due, "rest": [part for job in jobs for part in (job.id, job.head, job.body, job.terms, job.chain)]}
    return "push", {"fresh": "", "rest": [part for job in jobs for part in (job.id, job.head, job.body)]}


def _batches(jobs: Sequence[NewJob]) -> list[tuple[int, int]]:
    """Where to cut: at most BATCH jobs and about BATCH_BYTES of bodies a step; a server takes 1 GB in one request."""
    cuts, start, size = [], 0, 0
    for position, job in enumerate(jobs):
        if position - start == BATCH or (size + job.size > BATCH_BYTES and position > start):
            cuts.append((start, position))
            start, size = position, 0
        size += job.size
    return [*cuts, (start, len(jobs))] if jobs else []


def _ms(seconds: float) -> int:
    return round(min(seconds * 1000, 1e15))
