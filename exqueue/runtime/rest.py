"""Processes of this host that were taken for dead from another one. What they run may have been given away, so they are killed."""

from __future__ import annotations

import logging
from collections.abc import Set
from typing import Final

from exqueue.runtime.host import is_gone, kill_and_wait
from exqueue.store.care_reads import CareReader

LOG: Final = logging.getLogger("exqueue.rest")
KILL: Final = 2.0  # seconds in which the kernel shall have done it


def lay_to_rest(reader: CareReader, queue: str, host: str, spared: Set[str]) -> bool:
    """Kill them; whether none is left. `spared`: slots that somebody else answers for. Raises StoreError."""
    left = False
    for slot in reader.presumed_dead(queue):
        if slot.host != host or slot.slot in spared or slot.pid <= 0 or is_gone(slot.pid, slot.start):
            continue
        if kill_and_wait(slot.pid, slot.start, KILL):
            LOG.warning("killed process %d of %s: it was taken for dead, and what it ran was given away", slot.pid, queue)
        else:
            left = True
    return not left
