"""Job ids: made by the client, so that asking again with the same id is harmless; ordered by time, so that they sort."""

from __future__ import annotations

import os
import time

ID_LENGTH = 24


def make_id(now_us: int, chance: int) -> str:
    """Thirteen hex digits of `now_us` (µs since 1970), then eleven of `chance` (44 random bits).

    >>> make_id(1_763_882_000_123_456, 7)
    '6443dc80b064000000000007'
    """
    return f"{now_us:013x}{chance & 0xFFFFFFFFFFF:011x}"


def new_id() -> str:
    """A fresh id. The chance comes from the kernel: a forked child must not repeat its parent's ids."""
    return make_id(time.time_ns() // 1000, int.from_bytes(os.urandom(6), "big"))
