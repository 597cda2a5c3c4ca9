"""One queue and what is done to it, said in few words; and all that a server holds of it, as one value."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.job import Claim, ErrorInfo, Header, JobRecord, Terms
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Discard, Fail, Recover, Release, Retry, Settling, Snooze
from exqueue.store.replies import Next, Settled, Stale, Unregistered

HEADER = Header(worker="app:Add", at=1, args="1, b=2", by="reference", python="3.11", cloudpickle="3", size=4)
BODY = b"\x01\x80\xff\x00"
ERROR = ErrorInfo("error", "ValueError", "no", "Traceback", 1, 2, "here")
CRASH = ErrorInfo("crashed", "", "was killed by SIGKILL", "", 1, 2, "here")
RETRY, SNOOZE, FAIL, UNSPENT, RELEASE, DISCARD = Retry(60, ERROR), Snooze(60), Fail(ERROR), Fail(ERROR, spent=False), Release(), Discard()

READS = {
    "string": ("GET",),
    "list": ("LRANGE", 0, -1),
    "hash": ("HGETALL",),
    "set": ("SMEMBERS",),
    "zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    "stream": ("XRANGE", "-", "+"),
}


class Bench:
    """The queue `q` of an app. Ids, slots and tokens are given by the test, so that it can name them."""

    def __init__(self, app: Exqueue, queue: str = "q") -> None:
        self.app, self.queue = app, queue
        self.store, self.reader, self.channel = app.store, app.reader, app.channel
        self.keys = app.store.keys(queue)
        self.numbers = count(1)

    def put(self, *ids: str, delay_ms: int = 0, **terms: Any) -> list[bool]:
        """Enqueue jobs of these ids, on these terms; for each whether it is new."""
        agreed = Terms(**{"blocks": bool(terms.get("key")), **terms}).encode()
        jobs = [NewJob(job_id, HEADER, BODY, agreed) for job_id in ids]
        return [not known for known in self.store.enqueue(self.queue, jobs, f"+{delay_ms}" if delay_ms else "")]

    def known(self, job_id: str, *, delay_ms: int = 0, **terms: Any) -> str:
        """Enqueue one job; the id it is known by, empty if it is new."""
        job = NewJob(job_id, HEADER, BODY, Terms(**terms).encode())
        return self.store.enqueue(self.queue, [job], f"+{delay_ms}" if delay_ms else "")[0]

    def open(self, *slots: str, runner: str = "r") -> None:
        """Register worker processes."""
        for slot in slots:
            assert self.store.register(self.queue, slot, "{}", runner)

    def take(self, slot: str = "s", token: str | None = None) -> Claim:
        """Claim the next job; there must be one."""
        claim = self.store.claim(self.queue, slot, token or f"{slot}/{next(self.numbers)}")
        assert isinstance(claim, Claim)
        return claim

    def claim(self, slot: str = "s", limits: str = "") -> Next | Unregistered:
        """Claim the next job, if one may begin."""
        return self.store.claim(self.queue, slot, f"{slot}/{next(self.numbers)}", limits)

    def start(self, *ids: str, slot: str = "s") -> Claim:
        """Enqueue these, open the slot, claim the first."""
        self.put(*ids)
        self.open(slot)
        return self.take(slot)

    def start_batch(self, *ids: str, slot: str = "s", first: int = 1) -> tuple[Claim, ...]:
        """Enqueue these, open the slot, claim them all at once; the tokens are `s/1`, `s/2`, ..."""
        self.put(*ids)
        self.open(slot)
        claims = self.store.batch(self.queue, slot, (), first, len(ids))
        assert isinstance(claims, tuple)
        assert [claim.id for claim in claims] == [*ids]
        return claims

    def apply(self, claim: Claim, verdict: Settling, slot: str = "s") -> Settled | Stale:
        """Settle a claim that has not succeeded."""
        return self.store.apply(claim, slot, verdict)

    def complete(self, claim: Claim, next_token: str = "", slot: str = "s", **kept: Any) -> object:
        """Settle a claim that has succeeded."""
        return self.store.complete(claim, slot, next_token, **kept)

    def keep(self, *ids: str, **terms: Any) -> None:
        """Let these jobs succeed one after the other, and keep their results."""
        self.put(*ids, **terms)
        self.open("keeping")
        for _ in ids:
            self.complete(self.take("keeping"), slot="keeping", keep_ms=60_000, result=b"result")

    def move(self, slot: str) -> None:
        """What a BLMOVE does whose client does not live to claim."""
        self.ask("LMOVE", self.keys["pending"], self.keys.processing(slot), "LEFT", "RIGHT")

    def recover(self, slot: str, claim: Claim | None = None, verdict: Recover | Fail | None = None, beat: str = "") -> str:
        """Take back what a slot holds; the claim is the start that was cut off."""
        started = (claim.id, claim.token) if claim else ("", "")
        return self.store.recover(self.queue, slot, "r", beat, started, verdict or (Recover(CRASH) if claim else None))

    def fail(self, *ids: str, **terms: Any) -> None:
        """Make these jobs fail, in this order."""
        self.put(*ids, **terms)
        self.open("failing")
        for _ in ids:
            self.apply(self.take("failing"), FAIL, "failing")

    def make_due(self, *ids: str) -> None:
        """Let the time of these delayed jobs come, in this order."""
        for due, job_id in enumerate(ids):
            self.ask("ZADD", self.keys["delayed"], due, job_id)

    def ask(self, *command: Any) -> Any:
        """A plain command."""
        return self.channel.ask([command])[0]

    def ids(self, place: Place) -> list[str]:
        """The jobs in one place, in its order."""
        return [record.id for record in self.reader.all_in(self.queue, place)]

    @property
    def pending(self) -> list[str]:
        """The line, next first."""
        return self.ids(Place.PENDING)

    def counts(self) -> dict[str, int]:
        """How many jobs are where, without the zeros."""
        counts = self.reader.counts(self.queue)
        return {name: getattr(counts, name) for name in counts.__slots__ if getattr(counts, name)}

    def fields(self, name: str) -> dict[str, str]:
        """A hash of the queue."""
        return {field.decode(): value.decode() for field, value in self._held(self.keys[name]).items()}

    def happened(self) -> list[str]:
        """The events so far: `claimed a`."""
        entries = self.ask("XRANGE", self.keys["events"], "-", "+")
        found = [dict(_pairs(fields)) for _, fields in entries]
        return [f"{fields[b'event'].decode()} {fields[b'job'].decode()}".strip() for fields in found]

    def record(self, job_id: str) -> JobRecord:
        """All that is known of one job."""
        found = self.reader.find(self.queue, job_id)
        assert found is not None
        return found

    def spent(self, job_id: str) -> tuple[int, int, int]:
        """Attempt, failures, crashes."""
        run = self.record(job_id).run
        return run.attempt, run.failures, run.crashes

    def snapshot(self, *, times: bool = True) -> dict[str, Any]:
        """Every key of the queue with what it holds. Without `times`, whatever is a time in ms reads as `T`."""
        prefix = self.keys["jobs"].removesuffix("jobs")
        names = sorted(name.decode() for name in self.ask("KEYS", f"{prefix}*"))
        found = {name.removeprefix(prefix): self._held(name) for name in names}
        found.pop("events", None)  # what happened, not what is
        return found if times else {name: _timeless(value) for name, value in found.items()}

    def _held(self, name: str) -> Any:
        kind = self.ask("TYPE", name).decode()
        if kind == "none":
            return {}
        command, *rest = READS[kind]
        value = self.ask(command, name, *rest)
        if kind == "hash":
            return value if isinstance(value, dict) else dict(_pairs(value))
        return sorted(_pairs(value)) if kind == "zset" else sorted(value) if kind == "set" else value


def _pairs(flat: Iterable[Any]) -> list[tuple[Any, Any]]:
    values = list(flat)
    if values and isinstance(values[0], list | tuple):
        return [(key, value) for key, value in values]
    return list(zip(values[::2], values[1::2], strict=True))


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):  # `by hand` begins with an id made for the request
        return {key: item.partition(b" ")[2] if key == b"by hand" else _timeless(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return b" ".join(b"T" if word.isdigit() and len(word) == 13 else word for word in value.split(b" "))
    return [_timeless(item) for item in value]
