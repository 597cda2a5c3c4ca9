"""What must be true of a queue whenever nothing moves. Used after every test that touches a store."""

from __future__ import annotations

from collections import Counter
from typing import Any

from exqueue.model.job import Run
from exqueue.model.lifecycle import Place
from exqueue.store.channel import Channel
from exqueue.store.keys import queue_keys
from exqueue.store.reads import Reader


def broken(channel: Channel, namespace: str) -> list[str]:
    """One line for each invariant that does not hold; empty when all is well."""
    reader = Reader(channel, namespace)
    return [f"{queue}: {line}" for queue in reader.queues() for line in _of_queue(channel, reader, namespace, queue)]


def _of_queue(channel: Channel, reader: Reader, namespace: str, queue: str) -> list[str]:
    keys = queue_keys(namespace, queue)
    slots = [slot.slot for slot in reader.slots(queue)] + reader.graves(queue)
    pending, delayed, failed, jobs, bodies, runs, errors, *held = channel.ask([
        ("LRANGE", keys["pending"], 0, -1), ("ZRANGE", keys["delayed"], 0, -1), ("ZRANGE", keys["failed"], 0, -1),
        ("HGETALL", keys["jobs"]), ("HKEYS", keys["bodies"]), ("HGETALL", keys["runs"]), ("HKEYS", keys["errors"]),
        *(("LRANGE", keys.processing(slot), 0, -1) for slot in slots),
    ])  # fmt: skip
    headers, states = _dict(jobs), {job_id: Run.decode(run) for job_id, run in _dict(runs).items()}
    processing = {job_id: slot for slot, ids in zip(slots, held, strict=True) for job_id in ids}
    places = Counter([*pending, *delayed, *failed, *(job_id for ids in held for job_id in ids)])
    lines = [f"{job_id!r} is in {n} places" for job_id, n in places.items() if n != 1]
    lines += [f"{job_id!r} is in no place" for job_id in headers.keys() - places.keys()]
    lines += [f"{job_id!r} is in a place, but not a job" for job_id in places.keys() - headers.keys()]
    lines += [f"{job_id!r} has no body" for job_id in headers.keys() - set(bodies)]
    lines += [f"a body, run or error of {job_id!r}, which is no job" for job_id in {*bodies, *states, *errors} - headers.keys()]
    lines += _tokens(states, processing)
    lines += _order(reader, queue)
    counts = reader.counts(queue)
    return lines if counts.adds_up else [*lines, f"the counters do not add up: {counts}"]


def _tokens(states: dict[bytes, Run], processing: dict[bytes, str]) -> list[str]:
    return [
        f"{job_id!r} carries a token of {run.slot!r}, but is held by {processing.get(job_id)!r}"
        for job_id, run in states.items()
        if run.token and run.slot != processing.get(job_id)
    ]


def _order(reader: Reader, queue: str) -> list[str]:
    line = [record.header.seq for record in reader.all_in(queue, Place.PENDING)]
    return [] if line == sorted(line) else [f"pending is not in the order of seq: {line[:20]}"]


def _dict(flat: Any) -> dict[bytes, bytes]:
    return flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
