"""How a run ended. An outcome says what happened, never what shall be done about it: that is the verdict."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from exqueue.model.job import ErrorInfo


@dataclass(frozen=True, slots=True)
class Returned:
    """`perform` came back, with `result`."""

    result: object = None


@dataclass(frozen=True, slots=True)
class Raised:
    """`perform` raised."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class AskedRetry:
    """`perform` raised `Retry`. `seconds`: None for the worker's own backoff."""

    seconds: float | None
    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class AskedSnooze:
    """`perform` raised `Snooze`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """`perform` raised `Reject`."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """There was no run: the stored job could not be turned into a call."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The job ran longer than its `timeout` and was stopped, by itself or by a kill."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A person asked that it be stopped while it ran, and it was."""


@dataclass(frozen=True, slots=True)
class Expired:
    """There was no run: it was not to be started as late as this."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Crashed:
    """The worker process died under the job; the error says how."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Interrupted:
    """exqueue itself stopped the run (shutdown after the grace period)."""


Outcome = Returned | Raised | AskedRetry | AskedSnooze | Rejected | NotLoaded | TimedOut | Cancelled | Expired | Crashed | Interrupted


def death(status: int | None) -> str:
    """Say in words how a process died. `status`: negative is a signal, else the exit code; None when unknown.

    >>> death(-9)
    'was killed by SIGKILL'
    """
    if status is None:
        return "died together with its runner, or unseen"
    return ending(status) + (" in the middle of the job" if status >= 0 else "")


def ending(status: int) -> str:
    """Say in words how any process ended. `status`: negative is a signal, else the exit code.

    >>> ending(3)
    'exited with code 3'
    """
    if status >= 0:
        return f"exited with code {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}"
