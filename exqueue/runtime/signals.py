"""Signals as events: a handler only counts, and wakes the loop through a pipe."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Final

STOP: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """How often this process was asked to stop. Use as a context; only in the main thread."""

    def __init__(self) -> None:
        self.count = 0
        self._wake, self._waker = os.pipe()
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        for number in STOP:
            if signal.getsignal(number) is not signal.SIG_IGN:  # ignored on purpose, as by nohup
                self._before[number] = signal.signal(number, self._count)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._wake)
        os.close(self._waker)

    def _count(self, *_: object) -> None:
        self.count += 1

    def fileno(self) -> int:
        """For select: readable when a signal has come."""
        return self._wake

    def drain(self) -> None:
        """Take note of what has come."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 512)
