"""stop: which start of which job shall be stopped; a note that outlives its start means nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exqueue.model.job import Claim
from exqueue.model.policy import Settling
from exqueue.store.replies import Settled
from exqueue.store.scripts import script
from tests.conftest import on_servers
from tests.store.kit import DISCARD, FAIL, RELEASE, RETRY, SNOOZE, UNSPENT, Bench

ENDS: dict[str, Callable[[Bench, Claim], object]] = {
    "complete": lambda bench, claim: bench.complete(claim),
    "retry": lambda bench, claim: bench.apply(claim, RETRY),
    "fail": lambda bench, claim: bench.apply(claim, FAIL),
    "release": lambda bench, claim: bench.apply(claim, RELEASE),
    "discard": lambda bench, claim: bench.apply(claim, DISCARD),
    "recover": lambda bench, claim: bench.recover("s", claim),
}


@on_servers
def test_only_jobs_that_run_can_be_stopped_and_they_run_on_until_their_runner_has_seen_it(bench: Bench) -> None:
    claim = bench.start("a", "b")
    before = bench.record("a")
    assert (bench.store.stop("q", ["b", "a", "no such job"]), bench.reader.stops("q")) == (1, {"a": claim.token})
    assert (bench.record("a"), bench.pending) == (before, ["b"])


@on_servers
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_note_means_nothing_once_the_start_it_names_has_ended(bench: Bench, end: Callable[[Bench, Claim], object]) -> None:
    claim = bench.start("a")
    bench.store.stop("q", ["a"])
    end(bench, claim)
    assert bench.reader.stops("q") == {}


@on_servers
def test_the_next_start_of_a_job_is_not_stopped_by_an_old_note(bench: Bench) -> None:
    claim = bench.start("a")
    bench.store.stop("q", ["a"])
    bench.recover("s", claim)
    bench.open("t")
    bench.take("t")
    assert bench.reader.stops("q") == {}


@on_servers
@pytest.mark.parametrize("verdict", [RETRY, SNOOZE, FAIL, UNSPENT, RELEASE])
def test_a_job_that_ends_before_its_runner_has_seen_the_request_is_removed_all_the_same(bench: Bench, verdict: Settling) -> None:
    claim = bench.start("a")
    bench.store.stop("q", ["a"])
    answers = [bench.apply(claim, verdict), bench.apply(claim, verdict)]
    assert (answers, bench.counts()) == ([Settled(), Settled()], {"enqueued": 1, "deleted": 1})


@on_servers
def test_old_notes_are_dropped_with_the_next_request(bench: Bench) -> None:
    claim = bench.start("a", "b")
    bench.store.stop("q", ["a"])
    bench.complete(claim, "s/2")
    bench.store.stop("q", ["b"])
    assert bench.snapshot()["stops"] == {b"b": b"s/2"}


@on_servers
def test_a_note_for_a_start_that_goes_on_stays_when_another_is_noted(bench: Bench) -> None:
    first = bench.start("a", "b")
    bench.open("t")
    second = bench.take("t")
    bench.store.stop("q", ["a"])
    bench.store.stop("q", ["b"])
    assert bench.reader.stops("q") == {"a": first.token, "b": second.token}


@on_servers
def test_it_is_said_which_jobs_do_not_run(bench: Bench) -> None:
    bench.start("a", "b")
    loaded = script("stop")
    assert bench.channel.run(loaded, loaded.locate(bench.keys, {}), loaded.arguments({}, ("b", "a", "x"))) == [b"noted", 1, 0, 2]


@on_servers
def test_a_note_that_somebody_else_wrote_is_no_request(bench: Bench) -> None:
    bench.put("a")
    bench.ask("HSET", bench.keys["stops"], "a", "-", b"\xff", b"\xfe")
    assert bench.reader.stops("q") == {}
