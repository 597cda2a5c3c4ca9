"""What must be true of a queue whenever nothing moves. Used after every test that touches a store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from exqueue.model.job import Header, Run, Terms
from exqueue.store.channel import Channel
from exqueue.store.keys import BELL, QueueKeys, queue_keys
from exqueue.store.reads import Reader

_WHOLE = ("delayed", "failed", "done", "ranked", "waiting", "blocked")
_HASHES = ("jobs", "runs", "terms", "heads", "uniques", "counters")
_FIELDS = ("bodies", "errors", "chains", "results", "progress")


@dataclass(frozen=True, slots=True)
class _Queue:
    """All of one queue. `places`: the ids in each; `processing`: id -> slot; `fields`: the ids in each hash."""

    places: dict[str, list[bytes]]
    processing: dict[bytes, str]
    headers: dict[bytes, Header]
    runs: dict[bytes, Run]
    terms: dict[bytes, Terms]
    heads: dict[bytes, bytes]
    uniques: dict[bytes, bytes]
    fields: dict[str, set[bytes]]
    blocked: list[bytes]
    running: int
    bells: int
    bells_held: int


def broken(channel: Channel, namespace: str) -> list[str]:
    """One line for each invariant that does not hold; empty when all is well."""
    reader = Reader(channel, namespace)
    return [f"{queue}: {line}" for queue in reader.queues() for line in _of_queue(channel, reader, namespace, queue)]


def _of_queue(channel: Channel, reader: Reader, namespace: str, queue: str) -> list[str]:
    found = _read(channel, queue_keys(namespace, queue), [slot.slot for slot in reader.slots(queue)] + reader.graves(queue))
    lines = [*_places(found), *_tokens(found), *_keys(found), *_line(found)]
    counts = reader.counts(queue)
    return lines if counts.adds_up else [*lines, f"the counters do not add up: {counts}"]


def _read(channel: Channel, keys: QueueKeys, slots: list[str]) -> _Queue:
    replies: list[Any] = channel.ask([
        ("LRANGE", keys["pending"], 0, -1), *(("ZRANGE", keys[name], 0, -1) for name in _WHOLE),
        *(("HGETALL", keys[name]) for name in _HASHES), *(("HKEYS", keys[name]) for name in _FIELDS),
        *(("LRANGE", keys.processing(slot), 0, -1) for slot in slots),
    ])  # fmt: skip
    pending, *replies = replies
    zsets, hashes = dict(zip(_WHOLE, replies, strict=False)), dict(zip(_HASHES, map(_dict, replies[len(_WHOLE) :]), strict=False))
    fields = dict(zip(_FIELDS, map(set, replies[len(_WHOLE) + len(_HASHES) :]), strict=False))
    held = replies[len(_WHOLE) + len(_HASHES) + len(_FIELDS) :]
    processing = [(job_id, slot) for slot, ids in zip(slots, held, strict=True) for job_id in ids if job_id != BELL]
    places = {
        "pending": [job_id for job_id in pending if job_id != BELL], **zsets,
        "waiting": [member.rpartition(b" ")[2] for member in zsets["waiting"]], "processing": [job_id for job_id, _ in processing],
    }  # fmt: skip
    blocked = places.pop("blocked")
    return _Queue(
        places, dict(processing),
        {job_id: Header.decode(header) for job_id, header in hashes["jobs"].items()},
        {job_id: Run.decode(run) for job_id, run in hashes["runs"].items()},
        {job_id: Terms.decode(terms) for job_id, terms in hashes["terms"].items()},
        hashes["heads"], hashes["uniques"], fields, blocked, int(hashes["counters"].get(b"running", 0)), pending.count(BELL),
        sum(ids.count(BELL) for ids in held),
    )  # fmt: skip


def _places(q: _Queue) -> list[str]:
    count = Counter(job_id for ids in q.places.values() for job_id in ids)
    lines = [f"{job_id!r} is in {n} places" for job_id, n in count.items() if n != 1]
    lines += [f"{job_id!r} is in no place" for job_id in q.headers.keys() - count.keys()]
    lines += [f"{job_id!r} is in a place, but not a job" for job_id in count.keys() - q.headers.keys()]
    lines += [f"{job_id!r} has no body" for job_id in q.headers.keys() - q.fields["bodies"]]
    left = {**{name: set(ids) for name, ids in q.fields.items()}, "runs": set(q.runs), "terms": set(q.terms)}
    left["uniques"] = set(q.uniques.values())
    return lines + [f"{name} has {job_id!r}, which is no job" for name, ids in left.items() for job_id in ids - q.headers.keys()]


def _tokens(q: _Queue) -> list[str]:
    lines = [
        f"{job_id!r} carries a token of {run.slot!r}, but is held by {q.processing.get(job_id)!r}"
        for job_id, run in q.runs.items()
        if run.token and run.slot != q.processing.get(job_id)
    ]
    running = sum(1 for run in q.runs.values() if run.token)
    return lines if running == q.running else [*lines, f"{running} jobs run, but {q.running} are counted"]


def _keys(q: _Queue) -> list[str]:
    """One job of a key is at its head: pending, processing, between retries, or failed and blocking. The others wait."""
    lines = []
    place = {job_id: name for name, ids in q.places.items() for job_id in ids}
    for key, head in q.heads.items():
        if head not in q.terms or q.terms[head].key.encode() != key:
            lines.append(f"the head of {key!r}, {head!r}, is not of this key")
        elif place.get(head) in ("waiting", "done", None):
            lines.append(f"the head of {key!r}, {head!r}, is {place.get(head)}")
        if (place.get(head) == "failed") != (key in q.blocked):
            lines.append(f"{key!r} is {'' if key in q.blocked else 'not '}blocked, and its head is {place.get(head)}")
    for job_id, terms in q.terms.items():
        is_head = bool(terms.key) and q.heads.get(terms.key.encode()) == job_id
        if terms.key and not is_head and place.get(job_id) in ("pending", "ranked", "processing"):
            lines.append(f"{job_id!r} of {terms.key!r} is {place[job_id]}, but not at the head")
        if place.get(job_id) == "waiting" and terms.key.encode() not in q.heads:
            lines.append(f"{job_id!r} waits behind nobody")
    return lines + [f"{key!r} is blocked, but has no head" for key in q.blocked if key not in q.heads]


def _line(q: _Queue) -> list[str]:
    seqs = [q.headers[job_id].seq for job_id in q.places["pending"] if job_id in q.headers]
    lines = [] if seqs == sorted(seqs) else [f"pending is not in the order of seq: {seqs[:20]}"]
    moved = q.bells_held or any(not q.runs.get(job_id, Run()).token for job_id in q.processing)  # whoever has it will look, and ring
    if q.places["ranked"] and not q.places["pending"] and not q.bells and not moved:
        lines.append("jobs are ranked, but there is nothing in pending that would wake a process")
    return lines


def _dict(flat: Any) -> dict[bytes, bytes]:
    return flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
