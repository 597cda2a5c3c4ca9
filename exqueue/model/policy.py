"""Outcome in, verdict out: pure rules, with chance as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, assert_never

from exqueue.model import outcome as o
from exqueue.model.job import ErrorInfo, Run
from exqueue.model.steer import seconds_of

DEFAULT_DELAY = 30.0


@dataclass(frozen=True, slots=True)
class Constant:
    """The same delay each time, in seconds."""

    seconds: float

    def __call__(self, _failures: int, /) -> float:
        """Ignore how often it has failed."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class Exponential:
    """`first`, then `factor` times as long each time, at most `maximum`; `jitter` adds up to that share of it.

    Jitter only ever adds, so nothing is retried before the time asked for (a retry stampede is what it prevents).
    """

    first: float
    factor: float
    maximum: float
    jitter: float

    def delay(self, failures: int, chance: float) -> float:
        """Seconds after the n-th failure; `chance` is in [0, 1)."""
        try:
            plain = min(self.maximum, self.first * self.factor ** (failures - 1))
        except OverflowError:
            plain = self.maximum
        return plain * (1 + self.jitter * chance)

    def __call__(self, failures: int) -> float:
        """The delay without jitter."""
        return self.delay(failures, 0.0)


class Backoff(Protocol):
    """Says how long to wait after the n-th failure (1 for the first): seconds or a timedelta. Any function does."""

    def __call__(self, failures: int, /) -> float | timedelta:
        """Seconds, or a timedelta."""


def constant(seconds: float | timedelta) -> Constant:
    """Retry every `seconds`. `backoff = constant(30)` is the default."""
    return Constant(_not_negative(seconds_of(seconds), "constant"))


def exponential(first: float = 1, *, factor: float = 2, maximum: float = 3600, jitter: float = 0.1) -> Exponential:
    """Retry after `first`, `first * factor`, … seconds, up to `maximum`, each up to `jitter` (a share) later."""
    for value in (first, factor, maximum, jitter):
        _not_negative(value, "exponential")
    return Exponential(first, factor, maximum, jitter)


def _not_negative(value: float, name: str) -> float:
    if not value >= 0:
        raise ValueError(f"{name}() takes no negative numbers, got {value!r}")
    return value


@dataclass(frozen=True, slots=True)
class Policy:
    """What a worker says about failure."""

    max_retries: int = 5
    max_crashes: int = 3
    backoff: Backoff = Constant(DEFAULT_DELAY)

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to wait after the n-th failure. A backoff of the user's that fails must not lose the job: 30 s then."""
        try:
            if isinstance(self.backoff, Exponential):
                return self.backoff.delay(failures, chance)
            seconds = seconds_of(self.backoff(failures))
        except BaseException:  # noqa: BLE001 (the user's code; whatever it does, the job is retried)
            return DEFAULT_DELAY
        return seconds if 0 <= seconds < float("inf") else DEFAULT_DELAY


@dataclass(frozen=True, slots=True)
class Complete:
    """Remove the job: it has succeeded."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Run it again after `seconds`; a retry is spent."""

    seconds: float
    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Snooze:
    """Run it again after `seconds`; nothing is spent."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fail:
    """Keep it in `failed` until a person acts. `spent`: whether this start counts as an attempt."""

    error: ErrorInfo
    spent: bool = True


@dataclass(frozen=True, slots=True)
class Release:
    """Put it back at the head of its queue; the start does not count."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Remove the job for good, though it has not succeeded: a person said so."""


@dataclass(frozen=True, slots=True)
class Recover:
    """Put it back at the head of its queue; the start counts, and so does the crash."""

    error: ErrorInfo


Settling = Retry | Snooze | Fail | Release | Discard  # by the token of the claim, for a job that has not succeeded
Verdict = Complete | Settling | Recover


def settle(outcome: o.Outcome, run: Run, policy: Policy, chance: float) -> Verdict:
    """What shall become of a job whose run ended so. `run`: as it was claimed; `chance`: in [0, 1)."""
    match outcome:
        case o.Returned():
            return Complete()
        case o.Raised(error) | o.TimedOut(error):
            return _retry(error, None, run, policy, chance)
        case o.AskedRetry(seconds, error):
            return _retry(error, seconds, run, policy, chance)
        case o.AskedSnooze(seconds):
            return Snooze(seconds)
        case o.Rejected(error) | o.Expired(error):
            return Fail(error)
        case o.NotLoaded(error):
            return Fail(error, spent=False)
        case o.Crashed(error):
            return Fail(error) if run.crashes + 1 >= policy.max_crashes else Recover(error)
        case o.Interrupted():
            return Release()
        case o.Cancelled():
            return Discard()
        case _:
            assert_never(outcome)


def _retry(error: ErrorInfo, seconds: float | None, run: Run, policy: Policy, chance: float) -> Retry | Fail:
    failures = run.failures + 1
    if failures > policy.max_retries:
        return Fail(error)
    return Retry(policy.delay(failures, chance) if seconds is None else seconds, error)
