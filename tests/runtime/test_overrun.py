"""The outcome that a runner makes for a job that had to be killed, and that of a job which came too late."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.model import outcome as o
from exqueue.model.job import ErrorInfo, Header, Run
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail, settle
from exqueue.runtime.board import Limited
from exqueue.runtime.execute import execute, where
from exqueue.runtime.recovery import Death, Recovery
from tests.conftest import on_servers
from tests.store.kit import Bench

AGAIN, NEVER = 90.0, -1.0
TOO_LATE = "its turn came 1.5 s after the time by which it was to be started; requeue runs it all the same"


@pytest.fixture
def bench(app: Exqueue) -> Bench:
    return Bench(app)


def killed(bench: Bench, *, number: int, retry: float = AGAIN, ours: bool = True, beat: str = "") -> bool:
    """What the runner does when the process of slot `s` is dead that ran, or had run, the job of this number too long."""
    death = Death("s", "r", "here:1", -9, beat, ours, Limited(number, 1.0, 5.0, retry))
    return Recovery(bench.store, bench.reader, ()).take_back("q", death)


@on_servers
@pytest.mark.parametrize("ours", [True, False], ids=["killed by us", "dead by itself"])
@pytest.mark.parametrize(("retry", "place"), [(AGAIN, Place.DELAYED), (NEVER, Place.FAILED)], ids=["retry", "fail"])
def test_a_job_whose_time_was_up_has_spent_a_retry_not_a_crash(bench: Bench, retry: float, place: Place, ours: bool) -> None:
    claim = bench.start("a", "b")
    killed(bench, number=int(claim.token.split("/")[1]), retry=retry, ours=ours)
    record = bench.record("a")
    assert (record.place, bench.spent("a"), bench.reader.graves("q")) == (place, (1, 1, 0), ["s"])
    assert [(error.reason, error.message, error.where) for error in record.errors] == [
        ("timeout", "ran longer than its timeout of 5 s; the worker process was killed by SIGKILL", "here:1")
    ]


@on_servers
def test_it_runs_again_after_the_delay_that_its_process_had_written_down(bench: Bench) -> None:
    claim = bench.start("a")
    killed(bench, number=int(claim.token.split("/")[1]))
    assert round((bench.record("a").when - claim.run.since) / 1000) == AGAIN


@on_servers
def test_a_job_that_was_claimed_after_the_one_whose_time_was_up_goes_back_uncounted(bench: Bench) -> None:
    claim = bench.start("a", "b")
    killed(bench, number=int(claim.token.split("/")[1]) - 1)
    assert (bench.pending, bench.spent("a"), bench.record("a").errors) == (["a", "b"], (0, 0, 0), ())


@on_servers
def test_a_job_that_a_person_wanted_stopped_is_gone_however_its_process_died(bench: Bench) -> None:
    bench.start("a", "b")
    bench.store.stop("q", ["a"])
    killed(bench, number=0, ours=False)
    assert (bench.pending, bench.counts()) == (["b"], {"pending": 1, "enqueued": 2, "deleted": 1})


@on_servers
def test_a_job_that_a_person_wanted_stopped_is_not_taken_from_a_runner_that_lives(bench: Bench) -> None:
    claim = bench.start("a")
    bench.store.stop("q", ["a"])
    bench.store.beat("q", "r", {"s": "{}"})
    assert (killed(bench, number=0, ours=False, beat="0"), bench.record("a").run) == (False, claim.run)


def claimed_at(since: int, *, attempt: int = 1, expires: int) -> Any:
    return SimpleNamespace(run=Run(attempt, since=since), terms=SimpleNamespace(expires=expires), header=Header(), body=b"")


def test_a_job_that_comes_too_late_is_failed_and_says_by_how_much() -> None:
    claim = claimed_at(3500, expires=2000)
    done = execute(claim, {})
    error = ErrorInfo("expired", "Expired", TOO_LATE, attempt=1, when=3500, where=where())
    assert (done.outcome, settle(done.outcome, claim.run, done.policy, 0.0)) == (o.Expired(error), Fail(error))


@pytest.mark.parametrize(("attempt", "expires"), [(1, 2000), (1, 2001), (1, 0), (2, 1999)])
def test_a_job_that_is_in_time_or_has_begun_before_is_run(attempt: int, expires: int) -> None:
    assert isinstance(execute(claimed_at(2000, attempt=attempt, expires=expires), {}).outcome, o.NotLoaded)  # there is nothing in it
