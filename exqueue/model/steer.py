"""Exceptions that `perform` raises to say what shall happen to its job. They are not errors of exqueue."""

from __future__ import annotations

from datetime import timedelta


def seconds_of(value: float | timedelta) -> float:
    """Seconds as a float, from a number or a timedelta."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


class Steer(Exception):
    """Base of the three; `except Exception` in `perform` swallows them, as it does any error."""


class Retry(Steer):
    """Try again after `in_` seconds; spends a retry, as an error would. `raise Retry(in_=60)`."""

    def __init__(self, reason: str = "asked to be retried", *, in_: float | timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.in_ = None if in_ is None else max(0.0, seconds_of(in_))


class Reject(Steer):
    """Give up now: the job goes to `failed` with this reason, whatever retries are left. `raise Reject("no such user")`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Snooze(Steer):
    """Not now: run again after so many seconds. Spends no retry. `raise Snooze(300)`."""

    def __init__(self, seconds: float | timedelta) -> None:
        self.seconds = max(0.0, seconds_of(seconds))
        super().__init__(f"snoozed for {self.seconds:g} s")
