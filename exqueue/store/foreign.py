"""Whether somebody else wrote to a queue what stops every step on it: a key of the wrong type, a counter that is no number."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from exqueue.model.errors import StoreCorrupt, StoreRefused
from exqueue.store.care_reads import CareReader
from exqueue.store.channel import SET_RIGHT, mistyped, wrong_types
from exqueue.store.keys import KINDS, QueueKeys, queue_keys
from exqueue.store.roles import VIEWED
from exqueue.store.views import COUNTERS, is_counter

FIXED: Final = tuple(name for name in KINDS if name != "processing")  # what slots hold is read with the slots


def check_queue(reader: CareReader, queue: str) -> None:
    """Raises StoreCorrupt, with all keys in question, if no step works on this queue. As far as this user may look."""
    keys = queue_keys(reader.namespace, queue)
    if wrong := _wrong_types(reader, keys):
        raise mistyped(wrong)
    values = reader.channel.ask([("HMGET", keys["counters"], *COUNTERS)])[0]
    if bad := [name for name, value in zip(COUNTERS, values, strict=True) if not is_counter(value)]:
        raise StoreCorrupt(f"{keys['counters']}: no number is in {', '.join(bad)}", advice=SET_RIGHT, keys=(keys["counters"],))


def _wrong_types(reader: CareReader, keys: QueueKeys) -> dict[str, str]:
    """Of all keys; of those that a viewer may read, for one who may not ask for the others."""
    for names in (FIXED, tuple(name for name in FIXED if name in VIEWED)):
        with suppress(StoreRefused):
            return wrong_types(reader.channel, [keys[name] for name in names], [KINDS[name] for name in names])
    return {}
