"""A queue of the store and one of the model, as values that are equal when the queues are."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

from exqueue.model.job import Claim, Counts, Header, Run
from exqueue.model.lifecycle import Place
from exqueue.store.keys import BELL
from exqueue.store.replies import Closed
from tests.store.kit import Bench
from tests.store.queue_model import QueueModel, Start

COUNTED = ("seq", "enqueued", "completed", "deleted")
ZSETS, HASHES = ("delayed", "failed", "done", "waiting", "blocked"), ("jobs", "runs", "heads", "results", "outbox", "counters", "control")


def differences(bench: Bench, slots: Sequence[str], model: QueueModel) -> list[str]:
    """One line for each thing that is not the same."""
    found, wanted = _of_store(bench, slots), _of_model(model)
    return [f"{name}: the store has {found[name]}, the model {wanted[name]}" for name in wanted if found[name] != wanted[name]]


def _of_store(bench: Bench, slots: Sequence[str]) -> dict[str, Any]:
    """Read in one exchange; what the Reader makes of it is compared at the end of a test only, by `as_read`."""
    keys = bench.keys
    replies = bench.channel.ask([
        *(("ZRANGE", keys[name], 0, -1) for name in ZSETS), *(("HGETALL", keys[name]) for name in HASHES),
        ("LRANGE", keys["pending"], 0, -1), ("ZRANGE", keys["ranked"], 0, -1, "WITHSCORES"), ("LLEN", keys["bell"]),
        *(("LRANGE", keys.processing(slot), 0, -1) for slot in slots),
    ])  # fmt: skip
    zsets = {name: [member.decode() for member in found] for name, found in zip(ZSETS, replies, strict=False)}
    hashes = {name: _pairs(found) for name, found in zip(HASHES, replies[len(ZSETS) :], strict=False)}
    pending, ranked, bell, *lists = replies[len(ZSETS) + len(HASHES) :]
    seqs = {job_id: Header.decode(header).seq for job_id, header in hashes["jobs"].items()}
    listed = [(seqs[job_id.decode()], job_id.decode()) for job_id in pending if job_id != BELL]
    line = heapq.merge(listed, [(float(score), job_id) for job_id, score in _pairs(ranked).items()])
    held = {slot: [job_id.decode() for job_id in ids if job_id != BELL] for slot, ids in zip(slots, lists, strict=True)}
    return {
        "pending": [job_id for _, job_id in line],
        "waiting": [member.rpartition(" ")[2] for member in zsets["waiting"]],
        **{name: set(zsets[name]) for name in ("delayed", "failed", "done", "blocked")},
        "processing": {slot: ids for slot, ids in held.items() if ids},
        "runs": {job_id: _told(Run.decode(hashes["runs"].get(job_id))) for job_id in seqs},
        "heads": {key: head.decode() for key, head in hashes["heads"].items()},
        "results": set(hashes["results"]),
        "outbox": set(hashes["outbox"]),
        "counters": [int(hashes["counters"].get(name, 0)) for name in COUNTED],
        "paused": "paused" in hashes["control"],
        "bell": bell,
    }


def _of_model(model: QueueModel) -> dict[str, Any]:
    """The same of the model."""
    return {
        **{place.value: model.ids(place) for place in (Place.PENDING, Place.WAITING)},
        **{place.value: set(model.ids(place)) for place in (Place.DELAYED, Place.FAILED, Place.DONE)},
        "blocked": model.blocked(),
        "processing": {slot: ids for slot, ids in model.held.items() if ids},
        "runs": {job.id: (job.spent, job.token) for job in model.jobs.values()},
        "heads": model.heads,
        "results": set(model.ids(Place.DONE)),
        "outbox": model.outbox,
        "counters": [getattr(model, name) for name in COUNTED],
        "paused": model.paused,
        "bell": model.bell,
    }


def as_read(bench: Bench) -> tuple[Counts, dict[str, Place]]:
    """What the Reader shows: the counts, and where it finds each job."""
    found = {record.id: place for place in list(Place)[1:] for record in bench.reader.all_in("q", place)}
    assert {job_id: bench.record(job_id).place for job_id, place in found.items() if place is not Place.PROCESSING} == {
        job_id: place for job_id, place in found.items() if place is not Place.PROCESSING
    }  # one that was only moved into a slot is found as pending
    return bench.reader.counts("q"), found


def as_modelled(model: QueueModel) -> tuple[Counts, dict[str, Place]]:
    """What the Reader should show."""
    numbers = {place.value: len(model.ids(place)) for place in list(Place)[1:]}
    gone = {"enqueued": model.enqueued, "completed": model.completed, "deleted": model.deleted}
    return Counts(**numbers, **gone, blocked=len(model.blocked()), paused=model.paused), {job.id: job.place for job in model.jobs.values()}


def answer(slot: str, reply: object) -> object:
    """A reply of the store as the model gives it."""
    if isinstance(reply, Closed):
        return "closed", reply.seconds is not None
    return start_of(slot, reply) if isinstance(reply, Claim) else reply


def start_of(slot: str, claim: Claim) -> Start:
    """A claim as the model knows it."""
    return (slot, claim.id, claim.token, _told(claim.run)[0])


def _told(run: Run) -> tuple[tuple[int, int, int], str]:
    return (run.attempt, run.failures, run.crashes), run.token


def _pairs(flat: Any) -> dict[str, Any]:
    pairs = (
        flat.items()
        if isinstance(flat, dict)
        else flat
        if flat and isinstance(flat[0], list | tuple)
        else zip(flat[::2], flat[1::2], strict=True)
    )
    return {name.decode(): value for name, value in pairs}
