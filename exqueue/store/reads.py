"""Looking: counts, lists, single jobs. Reads headers and texts only; nothing here can run what a job carries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exqueue.model.job import Counts, ErrorInfo, Header, JobRecord, Run
from exqueue.model.lifecycle import Place
from exqueue.store.channel import Channel
from exqueue.store.keys import QueueKeys, queue_keys, registry_key
from exqueue.store.steps import raw_id, text_id

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class SlotInfo:
    """Who owns a slot. `host`: names a machine (boot and pid namespace) where `pid` and its start time `start` mean something.

    `lease`: seconds of silence after which its runner expects to be taken for dead.
    """

    slot: str
    runner: str = ""
    host: str = ""
    pid: int = 0
    start: int = 0
    runner_pid: int = 0
    runner_start: int = 0
    worker: str = ""
    hostname: str = ""
    lease: float = 0.0

    def encode(self) -> str:
        """One line of JSON, without the slot, which is the field it is stored under."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__ if name != "slot"}, separators=(",", ":"))

    @staticmethod
    def decode(slot: str, raw: bytes) -> SlotInfo:
        """Never raises: what cannot be read is a slot of an unknown runner, which its lease will tell."""
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            return SlotInfo(slot)
        known = {name: data.get(name, default) for name, default in _SLOT_DEFAULTS.items()}  # older runners say less
        if type(known["lease"]) is int and abs(known["lease"]) < 10**9:
            known["lease"] = float(known["lease"])
        return (
            SlotInfo(slot, **known) if all(type(known[name]) is type(value) for name, value in _SLOT_DEFAULTS.items()) else SlotInfo(slot)
        )


_SLOT_DEFAULTS: Final[dict[str, Any]] = {
    "runner": "", "host": "", "pid": 0, "start": 0, "runner_pid": 0, "runner_start": 0, "worker": "", "hostname": "", "lease": 0.0,
}  # fmt: skip


class Reader:
    """The reads, on one namespace of one server. Every method may raise StoreError."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        self._channel = channel
        self.namespace = namespace

    def _keys(self, queue: str) -> QueueKeys:
        return queue_keys(self.namespace, queue)

    def queues(self) -> list[str]:
        """The names of all queues that ever had a job or a runner."""
        return sorted(name.decode("utf-8", "replace") for name in self._channel.ask([("SMEMBERS", registry_key(self.namespace))])[0])

    def counts(self, queue: str) -> Counts:
        """How many jobs are where; exact while nothing moves."""
        keys = self._keys(queue)
        slots = [slot.slot for slot in self.slots(queue)] + list(self.graves(queue))
        pending, delayed, failed, counters, *held = self._channel.ask([
            ("LLEN", keys["pending"]), ("ZCARD", keys["delayed"]), ("ZCARD", keys["failed"]),
            ("HMGET", keys["counters"], "enqueued", "completed", "deleted"),
            *(("LLEN", keys.processing(slot)) for slot in slots),
        ])  # fmt: skip
        enqueued, completed, deleted = map(_count, counters)
        return Counts(pending, delayed, sum(held), failed, enqueued, completed, deleted)

    def unfinished(self, queue: str) -> int:
        """How many jobs will still run by themselves, by the counters; rather too many than too few while jobs move.

        `failed` is read on both sides of the counters, and the smaller number counts: what fails or is requeued between
        the reads is then still unfinished. (Not MULTI: a full server refuses even reads inside of it.)
        """
        keys = self._keys(queue)
        before, counters, after = self._channel.ask([
            ("ZCARD", keys["failed"]), ("HMGET", keys["counters"], "enqueued", "completed", "deleted"), ("ZCARD", keys["failed"]),
        ])  # fmt: skip
        enqueued, completed, deleted = map(_count, counters)
        return int(enqueued - completed - deleted - min(before, after))

    def slots(self, queue: str) -> list[SlotInfo]:
        """The open slots: worker processes that live, or have not been found dead yet."""
        found = _pairs(self._channel.ask([("HGETALL", self._keys(queue)["slots"])])[0])
        return [SlotInfo.decode(slot.decode("utf-8", "replace"), info) for slot, info in found]

    def graves(self, queue: str) -> list[str]:
        """The closed slots that are still swept."""
        return [slot.decode("utf-8", "replace") for slot in self._channel.ask([("HKEYS", self._keys(queue)["graves"])])[0]]

    def beats(self, queue: str) -> dict[str, str]:
        """What each runner has bumped its counter to."""
        found = _pairs(self._channel.ask([("HGETALL", self._keys(queue)["beats"])])[0])
        return {runner.decode("utf-8", "replace"): beat.decode("utf-8", "replace") for runner, beat in found}

    def stops(self, queue: str) -> dict[str, str]:
        """The jobs that run and shall be stopped: id -> the token of the start that is meant."""
        keys = self._keys(queue)
        noted = _pairs(self._channel.ask([("HGETALL", keys["stops"])])[0])
        if not noted:
            return {}
        runs = self._channel.ask([("HMGET", keys["runs"], *(job_id for job_id, _ in noted))])[0]
        found = [
            (text_id(job_id), token.decode("utf-8", "replace"), Run.decode(run)) for (job_id, token), run in zip(noted, runs, strict=True)
        ]
        return {job_id: token for job_id, token, run in found if run.token and run.token == token}

    def held(self, queue: str, slots: Sequence[str]) -> dict[str, list[str]]:
        """The ids in the processing lists of these slots; slots that hold nothing are left out."""
        if not slots:
            return {}
        keys = self._keys(queue)
        lists = self._channel.ask([("LRANGE", keys.processing(slot), 0, 99) for slot in slots])
        return {slot: [text_id(job_id) for job_id in ids] for slot, ids in zip(slots, lists, strict=True) if ids}

    def records(self, queue: str, ids: Sequence[str], place: Place) -> list[JobRecord]:
        """The jobs of these ids, said to be in `place`; without their errors."""
        if not ids:
            return []
        keys, raw = self._keys(queue), [raw_id(job_id) for job_id in ids]
        score = {Place.DELAYED: "delayed", Place.FAILED: "failed"}.get(place)
        ask: list[tuple[Any, ...]] = [("HMGET", keys["jobs"], *raw), ("HMGET", keys["runs"], *raw)]
        if score:
            ask.append(("ZMSCORE", keys[score], *raw))
        headers, runs, *scores = self._channel.ask(ask)
        whens = [_moment(value) for value in scores[0]] if scores else [0] * len(raw)
        return [
            JobRecord(job_id, queue, place, Header.decode(header), Run.decode(run), when)
            for job_id, header, run, when in zip(ids, headers, runs, whens, strict=True)
        ]

    def page(self, queue: str, place: Place, start: int, count: int) -> list[JobRecord]:
        """`count` jobs of one place from position `start`: pending in line order, delayed by due time, failed oldest first."""
        keys = self._keys(queue)
        if place is Place.PROCESSING:
            lists = self.held(queue, [slot.slot for slot in self.slots(queue)] + self.graves(queue))
            ids = [job_id for held in lists.values() for job_id in held][start : start + count]
        else:
            command = "LRANGE" if place is Place.PENDING else "ZRANGE"
            ids = [text_id(job_id) for job_id in self._channel.ask([(command, keys[place.value], start, start + count - 1)])[0]]
        return self.records(queue, ids, place)

    def all_in(self, queue: str, place: Place) -> Iterator[JobRecord]:
        """All jobs of one place, read page by page: bounded memory, but not one moment in time."""
        start = 0
        while page := self.page(queue, place, start, PAGE):
            yield from page
            start += len(page)

    def find(self, queue: str, job_id: str) -> JobRecord | None:
        """One job with its errors, wherever it is; None if this queue does not have it."""
        keys, raw = self._keys(queue), raw_id(job_id)
        header, run, due, failed, errors = self._channel.ask([
            ("HGET", keys["jobs"], raw), ("HGET", keys["runs"], raw), ("ZSCORE", keys["delayed"], raw),
            ("ZSCORE", keys["failed"], raw), ("HGET", keys["errors"], raw),
        ])  # fmt: skip
        if header is None and due is None and failed is None:
            return None
        state = Run.decode(run)
        if failed is not None:
            place = Place.FAILED
        elif due is not None:
            place = Place.DELAYED
        else:
            place = Place.PROCESSING if state.token else Place.PENDING
        history = tuple(ErrorInfo.decode(line) for line in (errors or b"").split(b"\n") if line)
        when = _moment(failed or due)
        return JobRecord(job_id, queue, place, Header.decode(header), state, when, history)

    def last_errors(self, queue: str, ids: Sequence[str]) -> list[ErrorInfo | None]:
        """The latest error of each of these jobs."""
        if not ids:
            return []
        found = self._channel.ask([("HMGET", self._keys(queue)["errors"], *map(raw_id, ids))])[0]
        return [ErrorInfo.decode(raw.rpartition(b"\n")[2]) if raw else None for raw in found]

    def ids(self, queue: str) -> Iterator[str]:
        """The ids of all jobs, wherever they are, in no order (HSCAN, so some may come twice)."""
        cursor: Any = 0
        while True:
            cursor, fields = self._channel.ask([("HSCAN", self._keys(queue)["jobs"], cursor, "COUNT", 500)])[0]
            yield from (text_id(field) for field in fields[::2])
            if int(cursor) == 0:
                return

    def server_info(self) -> dict[str, str]:
        """What INFO says of the server."""
        lines = self._channel.ask([("INFO", "server")])[0].decode("utf-8", "replace").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


def _count(value: bytes | None) -> int:
    """A counter; 0 where somebody else wrote something that is none."""
    return int(value) if value and value.isdigit() and len(value) < 16 else 0


def _moment(score: bytes | None) -> int:
    """A time in ms from a score; somebody else may have put infinity there."""
    return int(max(-1e17, min(1e17, float(score or 0))))


def _pairs(flat: Any) -> list[tuple[bytes, bytes]]:
    """HGETALL is a flat list in RESP2, but a dict from some stand-ins."""
    return list(flat.items()) if isinstance(flat, dict) else list(zip(flat[::2], flat[1::2], strict=True))
