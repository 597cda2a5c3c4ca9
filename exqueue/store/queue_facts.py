"""What is to be known of each queue before it is judged. Reads headers and numbers; of bodies only small ones, to see what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from exqueue.model.errors import StoreRefused
from exqueue.model.facts import QueueFacts, Running
from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from exqueue.store.foreign import check_queue
from exqueue.store.pulse import Pulse
from exqueue.store.reads import Reader
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.unreadable import Unreadable

SAMPLE: Final = 20  # bodies of a queue
MOST: Final = 1000  # running jobs
SMALL: Final = 64 * 1024  # bytes: a body of this size is worth its way

Unsigned = Callable[[Sequence[bytes]], int]


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What a first look at a queue found; a second one tells whether it is still so."""

    counts: Counts
    slots: list[SlotInfo]
    outbox: set[str] | None


def queue_facts(reader: Reader, unsigned: Unsigned, unreadable: Unreadable) -> tuple[QueueFacts, ...] | None:
    """The facts of all queues; None if this user may not read them. Takes seconds where runners are to be seen beating.

    `unreadable` keeps what somebody else wrote to queues; of those there are no facts.
    """
    first: dict[str, _Earlier] = {}
    try:
        for name in reader.queues():
            with unreadable:
                check_queue(reader, name)
                first[name] = _Earlier(reader.counts(name), reader.slots(name), _outbox(reader, name))
    except StoreRefused:
        return None
    watched = [name for name, seen in first.items() if seen.counts.unfinished or seen.slots]
    pulse = Pulse(reader, watched, unreadable)
    # Who has no counter does not beat; whoever has one and does not bump it costs us the whole time.
    pulse.watch(lambda seen: all(seen.beating[name] >= seen.known[name] for name in watched))
    found = []
    for name, seen in first.items():
        with unreadable:
            found.append(_facts(reader, name, seen, pulse.beating.get(name, set()), unsigned))
    return tuple(found)


def _facts(reader: Reader, name: str, earlier: _Earlier, beating: set[str], unsigned: Unsigned) -> QueueFacts:
    counts, slots, outbox = earlier.counts, earlier.slots, earlier.outbox
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
