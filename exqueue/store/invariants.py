"""What must be true of a queue whenever nothing moves, and also while everything does. Used after every test that touches a store."""

from __future__ import annotations

from typing import Final

from exqueue.store.base import Steps
from exqueue.store.channel import Channel
from exqueue.store.fsck import check

# What cannot be read in an entry is no fault of a step; and whoever calls steps by hand need not put a queue on the list.
NO_FAULT: Final = frozenset({"header", "chain", "owner", "registry"})


def broken(channel: Channel, namespace: str, *, scan: bool = False) -> list[str]:
    """One line for each invariant that does not hold; empty when all is well. `scan`: see `fsck.check`."""
    found = check(Steps(channel, namespace), scan=scan)
    return [f"{finding.queue}: {finding.line}" for finding in found if finding.invariant not in NO_FAULT]
