"""Exceptions that steer a job: three that `perform` raises, two that are raised in it. They are not errors of exqueue."""

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


class Stop(BaseException):
    """Base of the two that exqueue raises inside `perform`, in the main thread, wherever it is.

    `except Exception` does not swallow them, `finally` blocks run. Whoever swallows them with `except BaseException`
    gets the same one again after half of `kill_after`, and at the end of it the worker process is killed.
    """


class JobTimeout(Stop):
    """The job has run longer than its `timeout`, which is `seconds`. Spends a retry, as an error would."""

    def __init__(self, seconds: float, more: str = "") -> None:
        super().__init__(f"ran longer than its timeout of {seconds:g} s{more}")
        self.seconds = seconds


class JobCancelled(Stop):
    """A person has asked that this job be stopped and removed, though it runs."""

    def __init__(self) -> None:
        super().__init__("cancelled while it ran")
