"""Outcome in, verdict out; and how long to wait."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from exqueue.model import outcome as o
from exqueue.model.job import ErrorInfo, Run
from exqueue.model.outcome import Outcome, death
from exqueue.model.policy import (
    DEFAULT_DELAY,
    Complete,
    Discard,
    Fail,
    Policy,
    Recover,
    Release,
    Retry,
    Snooze,
    Verdict,
    constant,
    exponential,
    settle,
)  # fmt: skip
from exqueue.model.steer import Retry as AskRetry
from exqueue.model.steer import Snooze as AskSnooze
from exqueue.model.worker import Worker, policy_of

E = ErrorInfo("error", "ValueError", "no")
NEW, LAST, LAST_CRASH = Run(1, 0, 0), Run(3, 2, 0), Run(3, 0, 2)
POLICY = Policy(max_retries=2, max_crashes=3, backoff=constant(10))
NO_RETRIES = Policy(max_retries=0, max_crashes=1, backoff=constant(10))


@pytest.mark.parametrize(
    ("outcome", "run", "policy", "verdict"),
    [
        (o.Returned(), NEW, POLICY, Complete()),
        (o.Returned(), Run(9, 9, 9), NO_RETRIES, Complete()),
        (o.Raised(E), NEW, POLICY, Retry(10, E)),
        (o.Raised(E), Run(2, 1, 0), POLICY, Retry(10, E)),
        (o.Raised(E), LAST, POLICY, Fail(E)),
        (o.Raised(E), LAST_CRASH, POLICY, Retry(10, E)),
        (o.Raised(E), NEW, NO_RETRIES, Fail(E)),
        (o.AskedRetry(None, E), NEW, POLICY, Retry(10, E)),
        (o.AskedRetry(77, E), NEW, POLICY, Retry(77, E)),
        (o.AskedRetry(0, E), NEW, POLICY, Retry(0, E)),
        (o.AskedRetry(77, E), LAST, POLICY, Fail(E)),
        (o.AskedSnooze(5), NEW, POLICY, Snooze(5)),
        (o.AskedSnooze(5), LAST, NO_RETRIES, Snooze(5)),
        (o.Rejected(E), NEW, POLICY, Fail(E)),
        (o.NotLoaded(E), NEW, POLICY, Fail(E, spent=False)),
        (o.TimedOut(E), NEW, POLICY, Retry(10, E)),
        (o.TimedOut(E), LAST_CRASH, POLICY, Retry(10, E)),
        (o.TimedOut(E), LAST, POLICY, Fail(E)),
        (o.Expired(E), NEW, POLICY, Fail(E)),
        (o.Cancelled(), NEW, POLICY, Discard()),
        (o.Cancelled(), LAST, NO_RETRIES, Discard()),
        (o.Crashed(E), NEW, POLICY, Recover(E)),
        (o.Crashed(E), Run(2, 0, 1), POLICY, Recover(E)),
        (o.Crashed(E), LAST_CRASH, POLICY, Fail(E)),
        (o.Crashed(E), LAST, POLICY, Recover(E)),
        (o.Crashed(E), NEW, NO_RETRIES, Fail(E)),
        (o.Interrupted(), LAST, NO_RETRIES, Release()),
    ],
)
def test_what_becomes_of_a_job(outcome: Outcome, run: Run, policy: Policy, verdict: Verdict) -> None:
    assert settle(outcome, run, policy, 0.5) == verdict


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_the_wait_after_an_error_depends_on_the_failures_so_far(chance: float) -> None:
    policy = Policy(max_retries=9, backoff=exponential(1, factor=3, jitter=0.5))
    assert [settle(o.Raised(E), Run(5, n, 0), policy, chance) for n in range(3)] == [
        Retry(1 * (1 + 0.5 * chance), E), Retry(3 * (1 + 0.5 * chance), E), Retry(9 * (1 + 0.5 * chance), E),
    ]  # fmt: skip


def test_a_constant_wait_is_the_same_each_time() -> None:
    assert [Policy(backoff=constant(timedelta(minutes=2))).delay(n, 0.9) for n in (1, 2, 100)] == [120, 120, 120]


def test_an_exponential_wait_grows_up_to_its_maximum() -> None:
    rule = exponential(2, factor=3, maximum=50, jitter=0)
    assert [Policy(backoff=rule).delay(n, 0.9) for n in range(1, 6)] == [2, 6, 18, 50, 50]


@pytest.mark.parametrize("failures", [1, 2, 5, 20, 5_000, 10**6])
@pytest.mark.parametrize("rule", [exponential(), exponential(0.5, factor=1.5, maximum=100, jitter=1), exponential(3, factor=1.0)])
def test_chance_makes_a_wait_longer_never_shorter(rule: Any, failures: int) -> None:
    waits = [Policy(backoff=rule).delay(failures, chance) for chance in (0.0, 0.25, 0.999)]
    assert all(a <= b for a, b in pairwise([rule(failures), *waits, rule.maximum * (1 + rule.jitter)]))


class Method(Worker):
    max_retries, max_crashes = 7, 4

    def backoff(self, failures: int) -> float:
        return failures * 2


class Static(Worker):
    @staticmethod
    def backoff(failures: int) -> float:
        return failures * 3


class OfTheClass(Worker):
    unit = 5

    @classmethod
    def backoff(cls, failures: int) -> float:
        return failures * cls.unit


class Lambda(Worker):
    backoff = lambda failures: timedelta(seconds=failures * 4)  # noqa: E731


class Inherited(Method):
    pass


def minutes(failures: int) -> float:
    return failures * 60


class Function(Worker):
    backoff = minutes


class Rule(Worker):
    backoff = constant(9)


@pytest.mark.parametrize(
    ("worker", "wait"), [(Method, 4), (Static, 6), (OfTheClass, 10), (Lambda, 8), (Inherited, 4), (Function, 120), (Rule, 9), (Worker, 30)]
)
def test_a_backoff_may_be_a_rule_a_function_or_a_method(worker: type[Worker], wait: float) -> None:
    assert policy_of(worker()).delay(2, 0.0) == wait


def test_a_policy_is_what_the_worker_says() -> None:
    policy = policy_of(Method())
    assert (policy.max_retries, policy.max_crashes) == (7, 4)


def _leaves(_: int) -> float:
    raise SystemExit(1)


def _raises(_: int) -> float:
    raise RuntimeError("no")


@pytest.mark.parametrize(
    "backoff",
    [_raises, _leaves, lambda n: None, lambda n: "soon", lambda n: -1, lambda n: math.nan, lambda n: math.inf, lambda n: timedelta(-1),
     lambda: 1, lambda n: 1j, lambda n: 10**400],
)  # fmt: skip
def test_a_backoff_that_fails_or_makes_no_sense_is_thirty_seconds(backoff: Callable[[int], Any]) -> None:
    assert Policy(backoff=backoff).delay(1, 0.5) == DEFAULT_DELAY


@pytest.mark.parametrize(("backoff", "wait"), [(lambda n: 0, 0.0), (lambda n: True, 1.0), (lambda n: timedelta(hours=1), 3600.0)])
def test_a_backoff_may_say_any_time_from_now(backoff: Callable[[int], Any], wait: float) -> None:
    assert Policy(backoff=backoff).delay(1, 0.5) == wait


@pytest.mark.parametrize(
    "make",
    [lambda: constant(-1), lambda: constant(math.nan), lambda: constant(timedelta(-1)), lambda: exponential(-1),
     lambda: exponential(factor=-2), lambda: exponential(maximum=math.nan), lambda: exponential(jitter=-0.1)],
)  # fmt: skip
def test_a_rule_of_negative_numbers_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"(constant|exponential)\(\) takes no negative numbers, got"):
        make()


@pytest.mark.parametrize(("given", "seconds"), [(5, 5.0), (timedelta(minutes=1), 60.0), (-5, 0.0), (math.nan, 0.0)])
def test_what_perform_asks_for_is_never_in_the_past(given: Any, seconds: float) -> None:
    assert (AskRetry(in_=given).in_, AskSnooze(given).seconds, AskRetry().in_) == (seconds, seconds, None)


@pytest.mark.parametrize(
    ("status", "words"),
    [(-9, "was killed by SIGKILL"), (-200, "was killed by signal 200"), (3, "exited with code 3 in the middle of the job"),
     (0, "exited with code 0 in the middle of the job"), (None, "died together with its runner, or unseen")],
)  # fmt: skip
def test_how_a_process_died_is_said_in_words(status: int | None, words: str) -> None:
    assert death(status) == words
