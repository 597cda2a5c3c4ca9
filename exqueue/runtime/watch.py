"""What reaches a worker process from outside: SIGTERM, its job's time limit, a person's wish that the job be stopped.

A job is stopped by an exception that a signal handler raises in it. Handlers run between any two instructions, so the
one question is where such an exception may be raised: in code of the user, and never in code of exqueue, which it
would tear apart. The stack itself answers it: below `Watch.call`, not below `Watch.shield`, not in a frame of this
module. No flag is set too late or cleared too early.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import os
import signal
import time
from _signal import getsignal  # type: ignore[import-not-found]  # that of `signal` looks each handler up among the names of handlers, 4 µs
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Final

from exqueue.model.steer import JobCancelled, JobTimeout, Stop
from exqueue.runtime.board import Cell, Limited

AGAIN: Final = 0.05  # seconds after which an alarm that came at a bad moment comes again
OURS: Final = (signal.SIGTERM, signal.SIGALRM)
_TERM, _ALARM = map(int, OURS)


class Watch:
    """Of one worker process. Without `listen`, as in a test, no signal is handled and only `due` knows of time limits.

    `stopping`: this process was asked to end after its job. `wake`: readable when a signal has come.
    """

    def __init__(self, cell: Cell | None = None) -> None:
        self.stopping = False
        self.wake: int | None = None
        self._waker = -1
        self._cell = cell or Cell.alone()
        self._pid = os.getpid()
        self._number = 0
        self._deadline = self._seconds = 0.0
        self._ticking = False

    # Signals.

    def listen(self) -> None:
        """Take the signals."""
        if self.wake is None:
            self.wake, self._waker = os.pipe()
            # Blocked meanwhile: a SIGTERM that came between the fork and the child's default handler would be lost.
            os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_become_ordinary)
        os.set_blocking(self.wake, False)
        os.set_blocking(self._waker, False)
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the runner; not SIG_IGN, which children would inherit
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)  # SIGTERM was blocked by the fork server until now

    def relisten(self) -> None:
        """Take the signals again, if we had them: a job may have changed the handlers, the mask or the wake-up descriptor."""
        if self.wake is not None:
            self.listen()

    @property
    def robbed(self) -> bool:
        """Whether a job has taken the handlers: looked at before the next one, it costs less than to take them each time."""
        return bool(getsignal(_TERM) != self._on_term or getsignal(_ALARM) != self._on_alarm)

    def drain(self) -> None:
        """Take note of what has come, so that `wake` is readable only when more does."""
        if self.wake is not None:
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake, 512)

    def _on_term(self, _number: int, frame: FrameType | None) -> None:
        self.stopping = True
        if self._cell.is_urged(self._number):
            self._strike(frame)

    def _on_alarm(self, _number: int, frame: FrameType | None) -> None:
        self._strike(frame)

    def _strike(self, frame: FrameType | None) -> None:
        reason = self.due()
        if reason is None:
            return
        if _in_user_code(frame):
            raise reason
        self._tick(AGAIN)

    def _tick(self, seconds: float) -> None:
        if self.wake is not None:
            self._ticking = True
            signal.setitimer(signal.ITIMER_REAL, seconds)

    # The job that runs.

    def admit(self, number: int) -> bool:
        """Before anything of a job is looked at; False if it shall not run at all: a person has asked that it be stopped."""
        self._cell.begin(number)
        return not self._cell.is_stopped(number)

    def expect(self, number: int) -> None:
        """See `Cell.expect`."""
        self._cell.expect(number)

    def hear(self) -> None:
        """See `Cell.hear`."""
        self._cell.hear()

    def begin(self, number: int, seconds: float, retry: float) -> None:
        """A job begins. `number`: of its claim; `seconds`: its time limit, 0 for none; `retry`: see `Limited`."""
        self._number = number
        if seconds:
            self._seconds, self._deadline = seconds, time.monotonic() + seconds
            self._cell.limit(Limited(number, self._deadline, seconds, retry))
            self._tick(seconds)
        if self._cell.is_stopped(number):  # the alarm that told so came before the job had begun
            self._tick(AGAIN)

    def end(self) -> None:
        """It has ended. In what it forked, nothing has: the cell is not its own, and timers are not inherited."""
        if os.getpid() != self._pid:
            return
        if self._deadline:
            self._cell.lift()
        self._number, self._deadline = 0, 0.0  # from here on nothing is due, so an alarm that still comes sets no other
        if self._ticking:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._ticking = False

    def call(self, action: Callable[[], object]) -> object:
        """Run code of the user, to its end if it is async. In it, but not below `shield`, and nowhere else, `due` is raised."""
        return _to_its_end(action())

    def complete(self, perform: Callable[[], object], attend: Callable[[object], object]) -> object:
        """Inside of `call`: run `perform`, to its end if it is async, and `attend`, shielded, with what it has returned."""
        result = _to_its_end(perform())
        return self.shield(functools.partial(attend, result))

    def shield(self, action: Callable[[], object]) -> object:
        """Run code of exqueue inside of `call`: it asks what is `due`, and must not be torn apart."""
        return action()

    def due(self) -> Stop | None:
        """Why the job shall stop now, if it shall."""
        if self.cancelled:
            return JobCancelled()
        if self._deadline and time.monotonic() >= self._deadline:
            return JobTimeout(self._seconds)
        return None

    @property
    def cancelled(self) -> bool:
        """Whether a person has asked that the job be stopped."""
        return self._cell.is_stopped(self._number)

    @property
    def runner_heard(self) -> float:
        """See `Board.heard`."""
        return self._cell.heard

    @property
    def left(self) -> float | None:
        """Seconds until its time is up; None if it has no limit."""
        return max(0.0, self._deadline - time.monotonic()) if self._deadline else None

    def attach(self, target: int) -> None:
        """See `Cell.attach`."""
        self._cell.attach(target)


def _to_its_end(result: object) -> object:
    """A result that is there already is returned, also when time is up: it may be a process that somebody must end."""
    if not inspect.iscoroutine(result):
        return result
    kept: list[object] = []
    try:
        asyncio.run(_keep(result, kept))
    except Stop:
        if not kept:
            raise
    return kept[0]


async def _keep(coroutine: Awaitable[object], kept: list[object]) -> None:
    kept.append(await coroutine)


def _in_user_code(frame: FrameType | None) -> bool:
    """Whether a frame is below `Watch.call`, not below `Watch.shield`, and none of this module, where a result is just handed on."""
    if frame is None or frame.f_globals is globals():
        return False
    while frame is not None and frame.f_code is not Watch.call.__code__:
        if frame.f_code is Watch.shield.__code__:
            return False
        frame = frame.f_back
    return frame is not None


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _release() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _become_ordinary() -> None:
    """In what a job forks: signals do what they always do, and wake nobody."""
    signal.set_wakeup_fd(-1)
    for number in OURS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
