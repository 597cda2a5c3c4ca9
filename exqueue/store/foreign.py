"""Whether somebody else wrote to a queue what stops its steps: a key of the wrong type, a counter that is no number."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from exqueue.model.errors import StoreCorrupt, StoreRefused
from exqueue.model.text import one_line
from exqueue.store.care_reads import CareReader
from exqueue.store.channel import SET_RIGHT, mistyped, wrong_types
from exqueue.store.keys import KINDS, QueueKeys, queue_keys
from exqueue.store.roles import VIEWED
from exqueue.store.views import COUNTERS, is_counter

FIXED: Final = tuple(name for name in KINDS if name != "processing")  # what slots hold is read with the slots


def check_queue(reader: CareReader, queue: str) -> None:
    """Raises StoreCorrupt if steps of this queue cannot work, with all keys of the wrong type, or else a counter. As far as we may look."""
    keys = queue_keys(reader.namespace, queue)
    if wrong := _wrong_types(reader, keys):
        raise mistyped(wrong)
    values = reader.channel.ask([("HMGET", keys["counters"], *COUNTERS)])[0]
    for name, value in zip(COUNTERS, values, strict=True):
        if not is_counter(value):
            counters = one_line(keys["counters"])
            raise StoreCorrupt(f"the counter {name} in {counters} is not a number", advice=SET_RIGHT, keys=(counters,))


def _wrong_types(reader: CareReader, keys: QueueKeys) -> dict[str, str]:
    """Of all keys; of those that a viewer may read, for one who may not ask for the others."""
    for names in (FIXED, tuple(name for name in FIXED if name in VIEWED)):
        with suppress(StoreRefused):
            return wrong_types(reader.channel, [keys[name] for name in names], [KINDS[name] for name in names])
    return {}
