"""What is to be known of each queue before it is judged. Reads headers and numbers; of bodies only small ones, to see what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final

from exqueue.model.errors import StoreRefused
from exqueue.model.facts import QueueFacts, Running
from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from exqueue.store.pulse import Pulse
from exqueue.store.reads import Reader
from exqueue.store.slotinfo import SlotInfo

SAMPLE: Final = 20  # bodies of a queue
MOST: Final = 1000  # running jobs
SMALL: Final = 64 * 1024  # bytes: a body of this size is worth its way

Unsigned = Callable[[Sequence[bytes]], int]


def queue_facts(reader: Reader, unsigned: Unsigned) -> tuple[QueueFacts, ...] | None:
    """The facts of all queues; None if this user may not read them. Takes seconds where runners are to be seen beating."""
    try:
        names = reader.queues()
        counts = {name: reader.counts(name) for name in names}
        slots = {name: reader.slots(name) for name in names}
    except StoreRefused:
        return None
    outboxes = {name: _outbox(reader, name) for name in names}
    watched = [name for name in names if counts[name].unfinished or slots[name]]
    pulse = Pulse(reader, watched)
    # Who has no counter does not beat; whoever has one and does not bump it costs us the whole time.
    pulse.watch(lambda seen: all(seen.beating[name] >= seen.known[name] for name in watched))
    return tuple(
        _facts(reader, name, counts[name], slots[name], pulse.beating.get(name, set()), outboxes[name], unsigned) for name in names
    )  # fmt: skip


def _facts(
    reader: Reader, name: str, counts: Counts, slots: list[SlotInfo], beating: set[str], outbox: set[str] | None, unsigned: Unsigned
) -> QueueFacts:
    still_open = {slot.slot for slot in reader.slots(name)}
    left = {slot.hostname or "an unknown host" for slot in slots if slot.runner and slot.slot in still_open and slot.runner not in beating}
    still, bodies = _outbox(reader, name), _bodies(reader, name)
    return QueueFacts(
        name, counts, bool(beating), tuple(sorted(left)), sum(1 for slot in slots if not slot.runner),
        tuple(
            Running(record.id, record.terms.key, record.run.since)
            for record in islice(reader.all_in(name, Place.PROCESSING), MOST) if record.run.token
        ),
        tuple(key.since for key in reader.blocked(name)), None if outbox is None or still is None else len(outbox & still),
        None if bodies is None else len(bodies), unsigned(bodies or []),
    )  # fmt: skip


def _allowed(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except StoreRefused:
        return None


def _outbox(reader: Reader, name: str) -> set[str] | None:
    found: set[str] | None = _allowed(lambda: set(reader.outbox(name)))
    return found


def _bodies(reader: Reader, name: str) -> list[bytes] | None:
    ids = list(islice(reader.ids(name), SAMPLE * 5))
    small = [record.id for record in reader.records(name, ids, Place.NONE) if record.header.size <= SMALL][:SAMPLE]
    found: list[bytes] | None = _allowed(lambda: [body for body in reader.bodies(name, small) if body])
    return found
