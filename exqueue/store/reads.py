"""Looking: counts, lists, single jobs. Reads headers and texts only; nothing here can run what a job carries."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exqueue.model.envelope import Envelope
from exqueue.model.job import Counts, ErrorInfo, Header, JobRecord, Progress, Run, Terms
from exqueue.model.lifecycle import Place
from exqueue.store.care_reads import CareReader, hash_pages
from exqueue.store.channel import Channel
from exqueue.store.keys import BELL
from exqueue.store.replies import raw_id, text_id

PAGE: Final = 200
_SCORED: Final = (Place.DELAYED, Place.FAILED, Place.DONE)


@dataclass(frozen=True, slots=True)
class BlockedKey:
    """A key whose head has failed for good. `since`: ms. `waiting`: how many jobs stand behind it."""

    queue: str
    key: str
    head: str
    since: int
    waiting: int


class Reader(CareReader):
    """The reads, on one namespace of one server. Every method may raise StoreError. `envelope`: what verifies results."""

    def __init__(self, channel: Channel, namespace: str, envelope: Callable[[], Envelope] | None = None) -> None:
        super().__init__(channel, namespace)
        self._envelope = envelope or (lambda: Envelope(namespace))

    def counts(self, queue: str) -> Counts:
        """How many jobs are where; exact while nothing moves."""
        keys = self._keys(queue)
        slots = [slot.slot for slot in self.slots(queue)] + list(self.graves(queue))
        pending, first, ranked, delayed, waiting, failed, done, blocked, paused, counters, *held = self.channel.ask([
            ("LLEN", keys["pending"]), ("LINDEX", keys["pending"], 0), ("ZCARD", keys["ranked"]), ("ZCARD", keys["delayed"]),
            ("ZCARD", keys["waiting"]), ("ZCARD", keys["failed"]), ("ZCARD", keys["done"]), ("ZCARD", keys["blocked"]),
            ("HEXISTS", keys["control"], "paused"), ("HMGET", keys["counters"], "enqueued", "completed", "deleted"),
            *(("LRANGE", keys.processing(slot), 0, 99) for slot in slots),
        ])  # fmt: skip
        enqueued, completed, deleted = map(_count, counters)
        running = sum(len(ids) - ids.count(BELL) for ids in held)
        line = pending - (first == BELL) + ranked
        return Counts(line, delayed, waiting, running, failed, done, enqueued, completed, deleted, blocked, bool(paused))

    def count(self, queue: str, place: Place) -> int:
        """How many jobs are in one place; asks nothing about the others."""
        keys = self._keys(queue)
        if place is Place.PROCESSING:
            return sum(map(len, self._lists(queue).values()))
        if place is Place.PENDING:
            pending, first, ranked = self.channel.ask(
                [("LLEN", keys["pending"]), ("LINDEX", keys["pending"], 0), ("ZCARD", keys["ranked"])]
            )
            return int(pending - (first == BELL) + ranked)
        return int(self.channel.ask([("ZCARD", keys[place.value])])[0])

    def unfinished(self, queue: str) -> int:
        """How many jobs will still run by themselves, by the counters; rather too many than too few while jobs move.

        What is at rest is read on both sides of the counters, and the smaller number counts: what comes to rest or
        leaves it between the reads is then still unfinished. (Not MULTI: a full server refuses even reads inside of it.)
        """
        keys = self._keys(queue)
        rest = [("ZCARD", keys["failed"]), ("ZCARD", keys["done"]), ("ZCARD", keys["waiting"])]
        *before, counters, outbox, failed, done, waiting = self.channel.ask([
            *rest, ("HMGET", keys["counters"], "enqueued", "completed", "deleted"), ("HLEN", keys["outbox"]), *rest,
        ])  # fmt: skip
        enqueued, completed, deleted = map(_count, counters)
        resting = sum(map(min, before, (failed, done, waiting)))
        return int(enqueued - completed - deleted - resting + outbox)

    def records(self, queue: str, ids: Sequence[str], place: Place) -> list[JobRecord]:
        """The jobs of these ids, said to be in `place`; without their errors."""
        if not ids:
            return []
        keys, raw = self._keys(queue), [raw_id(job_id) for job_id in ids]
        ask: list[tuple[Any, ...]] = [("HMGET", keys[name], *raw) for name in ("jobs", "runs", "terms", "progress")]
        if place in _SCORED:
            ask.append(("ZMSCORE", keys[place.value], *raw))
        headers, runs, terms, notes, *scores = self.channel.ask(ask)
        whens = [_moment(value) for value in scores[0]] if scores else [0] * len(raw)
        return [
            JobRecord(job_id, queue, place, Header.decode(header), Run.decode(run), when, (), Terms.decode(agreed), Progress.decode(note))
            for job_id, header, run, agreed, note, when in zip(ids, headers, runs, terms, notes, whens, strict=True)
        ]

    def all_in(self, queue: str, place: Place) -> Iterator[JobRecord]:
        """All jobs of one place, read page by page: bounded memory, but not one moment in time.

        Pending in line order, waiting by key, delayed by due time, failed oldest first. Those that are delayed, failed or done may
        be moved elsewhere while the rest is read.
        """
        if place is Place.PENDING:
            listed = ((record.header.seq, record) for page in self._pages(queue, place) for record in self.records(queue, page, place))
            yield from (record for _, record in heapq.merge(listed, self._ranked(queue), key=lambda pair: pair[0]))
        else:
            for page in self._pages(queue, place):
                yield from self.records(queue, page, place)

    def ids_in(self, queue: str, place: Place) -> Iterator[str]:
        """As `all_in`, only the ids; of pending jobs in no order."""
        for page in self._pages(queue, place):
            yield from page
        if place is Place.PENDING:
            yield from (record.id for _, record in self._ranked(queue))

    def _lists(self, queue: str) -> dict[str, list[str]]:
        return self.held(queue, [slot.slot for slot in self.slots(queue)] + self.graves(queue))

    def _pages(self, queue: str, place: Place) -> Iterator[list[str]]:
        keys = self._keys(queue)
        if place is Place.PROCESSING:
            yield [job_id for held in self._lists(queue).values() for job_id in held]
        elif place in _SCORED:
            yield from (list(map(text_id, page)) for page in self._by_score(keys[place.value]))
        elif place is not Place.NONE:
            start, command = 0, "LRANGE" if place is Place.PENDING else "ZRANGE"
            while found := self.channel.ask([(command, keys[place.value], start, start + PAGE - 1)])[0]:
                start += len(found)
                ids = [member.rpartition(b" ")[2] if place is Place.WAITING else member for member in found if member != BELL]
                yield list(map(text_id, ids))

    def _by_score(self, key: str) -> Iterator[list[bytes]]:
        """What is in a sorted set, page by page; none is left out because others, which were read before, leave it meanwhile.

        What joins after the first page with a newer time is not read: a job that fails again and again would have no end.
        """
        newest = _scored(self.channel.ask([("ZRANGE", key, -1, -1, "WITHSCORES")])[0])
        found = _scored(self.channel.ask([("ZRANGE", key, 0, PAGE - 1, "WITHSCORES")])[0]) if newest else []
        while found := [pair for pair in found if pair[1] <= newest[0][1]]:
            yield [member for member, _ in found]
            found = self._behind(key, *found[-1])

    def _behind(self, key: str, last: bytes, score: float) -> list[tuple[bytes, float]]:
        """The members of a sorted set that come next after one, or after where it stood."""
        rank, now = self.channel.ask([("ZRANK", key, last), ("ZSCORE", key, last)])
        if rank is not None and now is not None and float(now) == score:
            return _scored(self.channel.ask([("ZRANGE", key, rank + 1, rank + PAGE, "WITHSCORES")])[0])
        skip = 0
        while read := _scored(self.channel.ask([("ZRANGEBYSCORE", key, f"{score:.17g}", "+inf", "WITHSCORES", "LIMIT", skip, PAGE)])[0]):
            if found := [pair for pair in read if (pair[1], pair[0]) > (score, last)]:
                return found
            skip += PAGE
        return []

    def _ranked(self, queue: str) -> Iterator[tuple[float, JobRecord]]:
        start = 0
        while found := _scored(self.channel.ask([("ZRANGE", self._keys(queue)["ranked"], start, start + PAGE - 1, "WITHSCORES")])[0]):
            start += len(found)
            records = self.records(queue, [text_id(job_id) for job_id, _ in found], Place.PENDING)
            yield from zip([score for _, score in found], records, strict=True)

    def find(self, queue: str, job_id: str) -> JobRecord | None:
        """One job with its errors, wherever it is; None if this queue does not have it."""
        keys, raw = self._keys(queue), raw_id(job_id)
        header, run, due, failed, done, errors, agreed, note = self.channel.ask([
            ("HGET", keys["jobs"], raw), ("HGET", keys["runs"], raw), ("ZSCORE", keys["delayed"], raw),
            ("ZSCORE", keys["failed"], raw), ("ZSCORE", keys["done"], raw), ("HGET", keys["errors"], raw),
            ("HGET", keys["terms"], raw), ("HGET", keys["progress"], raw),
        ])  # fmt: skip
        scores = {Place.FAILED: failed, Place.DELAYED: due, Place.DONE: done}
        if header is None and not any(scores.values()):
            return None
        state, terms = Run.decode(run), Terms.decode(agreed)
        history = tuple(ErrorInfo.decode(line) for line in (errors or b"").split(b"\n") if line)
        place = next((place for place, score in scores.items() if score is not None), None)
        place = place or (Place.PROCESSING if state.token else self._line_or_key(queue, raw, terms))
        return JobRecord(
            job_id, queue, place, Header.decode(header), state, _moment(scores.get(place)), history, terms, Progress.decode(note)
        )

    def _line_or_key(self, queue: str, raw: str | bytes, terms: Terms) -> Place:
        """Pending, unless another job is at the head of its key."""
        if not terms.key:
            return Place.PENDING
        head = self.channel.ask([("HGET", self._keys(queue)["heads"], terms.key)])[0]
        return Place.PENDING if head == (raw if isinstance(raw, bytes) else raw.encode()) else Place.WAITING

    def blocked(self, queue: str) -> list[BlockedKey]:
        """The keys whose head has failed for good, longest first."""
        return list(self.each_blocked(queue))

    def each_blocked(self, queue: str) -> Iterator[BlockedKey]:
        """The same, read page by page."""
        keys, start = self._keys(queue), 0
        while page := _scored(self.channel.ask([("ZRANGE", keys["blocked"], start, start + PAGE - 1, "WITHSCORES")])[0]):
            start += len(page)
            found = [(key.decode("utf-8", "replace"), since) for key, since in page]
            heads, *behind = self.channel.ask([
                ("HMGET", keys["heads"], *(key for key, _ in found)),
                *(("ZLEXCOUNT", keys["waiting"], f"[{key} ", f"({key}!") for key, _ in found),
            ])  # fmt: skip
            for (key, since), head, count in zip(found, heads, behind, strict=True):
                yield BlockedKey(queue, key, text_id(head or b""), _moment(since), count)

    def result(self, queue: str, job_id: str) -> bytes | None:
        """What a job that is done has returned, encoded; None if there is no such thing (any more).

        Raises:
            ResultUnavailable: it is not signed as it should be.
        """
        found: bytes | None = self.channel.ask([("HGET", self._keys(queue)["results"], raw_id(job_id))])[0]
        return None if found is None else self._envelope().open_result(queue, job_id, found)

    def last_errors(self, queue: str, ids: Sequence[str]) -> list[ErrorInfo | None]:
        """The latest error of each of these jobs."""
        if not ids:
            return []
        found = self.channel.ask([("HMGET", self._keys(queue)["errors"], *map(raw_id, ids))])[0]
        return [ErrorInfo.decode(raw.rpartition(b"\n")[2]) if raw else None for raw in found]

    def bodies(self, queue: str, ids: Sequence[str]) -> list[bytes]:
        """What these jobs carry, pickled; empty where there is nothing. Only who may run their code unpickles it."""
        found = self.channel.ask([("HMGET", self._keys(queue)["bodies"], *map(raw_id, ids))])[0] if ids else []
        return [body or b"" for body in found]

    def ids(self, queue: str) -> Iterator[str]:
        """The ids of all jobs, wherever they are, in no order (HSCAN, so some may come twice)."""
        for page in hash_pages(self.channel, self._keys(queue)["jobs"], 500):
            yield from (text_id(field) for field, _ in page)


def _count(value: bytes | None) -> int:
    """A counter; 0 where somebody else wrote something that is none."""
    return int(value) if value and value.isdigit() and len(value) < 16 else 0


def _moment(score: bytes | float | None) -> int:
    """A time in ms from a score; somebody else may have put infinity there."""
    return int(max(-1e17, min(1e17, float(score or 0))))


def _scored(flat: Any) -> list[tuple[bytes, float]]:
    """What WITHSCORES answers: a flat list in RESP2, pairs from some stand-ins."""
    pairs = flat if flat and isinstance(flat[0], list | tuple) else zip(flat[::2], flat[1::2], strict=True)
    return [(member, float(score)) for member, score in pairs]
