"""The number of the schema: how the data of a namespace is written. No number is that of all data from before there was one.

A key of its own, in a slot of its own like the list of queues: no step touches it. Who founds the first queue of a namespace
writes it; whoever is too old for what it says must touch nothing.
"""

from __future__ import annotations

from typing import Final

from exqueue.model.errors import SchemaTooNew, StoreCorrupt
from exqueue.model.schema import SCHEMA
from exqueue.model.text import one_line
from exqueue.store.channel import Channel
from exqueue.store.keys import schema_key
from exqueue.store.replies import text_id

LOOK_EVERY: Final = 60.0  # seconds for which a producer goes by what it has read; runners look each second


def read_schema(channel: Channel, namespace: str) -> int:
    """The number. Raises StoreCorrupt: it is none."""
    return parse_schema(channel.ask([("GET", schema_key(namespace))])[0], namespace)


def parse_schema(raw: bytes | None, namespace: str) -> int:
    """What is stored there, as a number."""
    if raw is None:
        return 1
    if not raw.isdigit() or len(raw) > 9:
        advice = "set it to 1, unless a newer exqueue has written there"
        raise StoreCorrupt(f"{schema_key(namespace)} is not a number: {one_line(text_id(raw), 60)}; {advice}")
    return int(raw)


def heed(found: int, namespace: str) -> None:
    """Raises SchemaTooNew: the data was written by a newer exqueue."""
    if found > SCHEMA:
        raise SchemaTooNew(namespace, found, SCHEMA)
