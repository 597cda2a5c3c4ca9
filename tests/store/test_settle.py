"""complete, retry, snooze, fail, release, discard: by whoever holds the job, and by nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from exqueue.model.job import Claim, Run, Terms
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Recover, Retry, Snooze
from exqueue.store.replies import Empty, Settled, Stale
from tests.conftest import on_servers_and_cluster as on_servers
from tests.store.kit import CRASH, DISCARD, ERROR, FAIL, RELEASE, RETRY, SNOOZE, UNSPENT, Bench

SETTLE: dict[str, Callable[[Bench, Claim], object]] = {
    "complete": lambda bench, claim: bench.complete(claim),
    "complete and claim": lambda bench, claim: bench.complete(claim, "s/next"),
    "retry": lambda bench, claim: bench.apply(claim, RETRY),
    "snooze": lambda bench, claim: bench.apply(claim, SNOOZE),
    "fail": lambda bench, claim: bench.apply(claim, FAIL),
    "fail unspent": lambda bench, claim: bench.apply(claim, UNSPENT),
    "release": lambda bench, claim: bench.apply(claim, RELEASE),
    "discard": lambda bench, claim: bench.apply(claim, DISCARD),
}
each_way = pytest.mark.parametrize("settle", SETTLE.values(), ids=SETTLE.keys())


@on_servers
@each_way
def test_an_earlier_start_of_the_same_slot_settles_nothing(bench: Bench, settle: Callable[[Bench, Claim], object]) -> None:
    first = bench.start("a")
    bench.apply(first, RELEASE)
    bench.apply(bench.take(), RELEASE)  # so that the slot has settled another start last
    bench.take()
    before = bench.snapshot()
    assert (settle(bench, first), bench.snapshot()) == (Stale(), before)


@on_servers
def test_of_a_job_whose_first_start_was_taken_back_nothing_is_left_either(bench: Bench) -> None:
    bench.apply(bench.start("a"), UNSPENT)
    bench.store.requeue("q", ["a"])
    claim = bench.take()
    assert (claim.run.attempt, bench.complete(claim), "errors" in bench.snapshot()) == (1, Settled(), False)


@on_servers
def test_a_completed_job_is_gone(bench: Bench) -> None:
    assert bench.complete(bench.start("a")) == Settled()
    left = bench.snapshot()
    assert (left["recent"], left["settled"], sorted(left)) == (
        [b"a"], {b"s": b"s/1"}, ["beats", "counters", "recent", "settled", "slots"],
    )  # fmt: skip
    assert bench.counts() == {"enqueued": 1, "completed": 1}


@on_servers
def test_completing_can_claim_the_next_in_the_same_step(bench: Bench) -> None:
    claim = bench.complete(bench.start("a", "b", "c"), "s/2")
    assert isinstance(claim, Claim)
    assert (claim.id, claim.token, claim.run.attempt) == ("b", "s/2", 1)
    assert bench.counts() == {"pending": 1, "processing": 1, "enqueued": 3, "completed": 1}


@on_servers
def test_completing_the_last_job_finds_nothing_to_claim(bench: Bench) -> None:
    assert bench.complete(bench.start("a"), "s/2") == Empty()
    assert bench.counts() == {"enqueued": 1, "completed": 1}


@on_servers
def test_a_discarded_job_is_gone_and_counted_as_deleted(bench: Bench) -> None:
    assert bench.apply(bench.start("a"), DISCARD) == Settled()
    left = bench.snapshot()
    assert (left["recent"], left["settled"], sorted(left)) == (
        [b"a"], {b"s": b"s/1"}, ["beats", "counters", "recent", "settled", "slots"],
    )  # fmt: skip
    assert bench.counts() == {"enqueued": 1, "deleted": 1}


@on_servers
@pytest.mark.parametrize(
    ("verdict", "place", "spent"),
    [
        (RETRY, Place.DELAYED, (1, 1, 0)),
        (SNOOZE, Place.DELAYED, (1, 0, 0)),
        (FAIL, Place.FAILED, (1, 1, 0)),
        (UNSPENT, Place.FAILED, (0, 0, 0)),
        (RELEASE, Place.PENDING, (0, 0, 0)),
    ],
    ids=["retry", "snooze", "fail", "fail unspent", "release"],
)
def test_a_settled_job_is_where_the_verdict_says(bench: Bench, verdict: Retry, place: Place, spent: tuple[int, int, int]) -> None:
    assert bench.apply(bench.start("a"), verdict) == Settled()
    record = bench.record("a")
    assert (record.place, bench.spent("a"), record.run.token) == (place, spent, "")
    assert bench.counts() == {place.value: 1, "enqueued": 1}


@on_servers
@pytest.mark.parametrize(("verdict", "errors"), [(RETRY, (ERROR,)), (SNOOZE, ()), (FAIL, (ERROR,)), (UNSPENT, (ERROR,)), (RELEASE, ())])
def test_what_went_wrong_is_kept_with_the_job(bench: Bench, verdict: Retry, errors: tuple[object, ...]) -> None:
    bench.apply(bench.start("a"), verdict)
    assert bench.record("a").errors == errors


@on_servers
@pytest.mark.parametrize("verdict", [Retry(90, ERROR), Snooze(90)], ids=["retry", "snooze"])
def test_the_delay_is_counted_from_now_on_the_clock_of_the_server(bench: Bench, verdict: Retry) -> None:
    bench.apply(bench.start("a"), verdict)
    seconds, micros = bench.ask("TIME")
    assert 80_000 < bench.record("a").when - int(seconds) * 1000 - int(micros) // 1000 <= 90_000


@on_servers
@pytest.mark.parametrize("seconds", [float("inf"), 1e306, 1e15], ids=str)
def test_a_delay_without_end_is_a_very_long_one(bench: Bench, seconds: float) -> None:
    bench.apply(bench.start("a"), Snooze(seconds))
    assert bench.record("a").when > 10**15


@on_servers
@each_way
def test_a_token_that_never_was_changes_nothing(bench: Bench, settle: Callable[[Bench, Claim], object]) -> None:
    claim = bench.start("a", "b")
    before = bench.snapshot()
    assert (settle(bench, replace(claim, token="s/0")), bench.snapshot()) == (Stale(), before)


@on_servers
@each_way
def test_a_job_that_was_given_to_another_is_not_settled_by_the_first(bench: Bench, settle: Callable[[Bench, Claim], object]) -> None:
    claim = bench.start("a", "b")
    bench.recover("s", claim, Recover(CRASH))
    bench.open("t")
    bench.take("t")
    before = bench.snapshot()
    assert (settle(bench, claim), bench.snapshot()) == (Stale(), before)


@on_servers
@each_way
def test_a_job_that_went_back_is_not_settled_by_the_one_who_had_it(bench: Bench, settle: Callable[[Bench, Claim], object]) -> None:
    claim = bench.start("a", "b")
    bench.recover("s", claim, Recover(CRASH))
    before = bench.snapshot()
    assert (settle(bench, claim), bench.snapshot()) == (Stale(), before)


@on_servers
@each_way
def test_a_slot_that_has_settled_another_job_since_is_not_asked_about_the_first(
    bench: Bench, settle: Callable[[Bench, Claim], object]
) -> None:
    first = bench.start("a", "b", "c")
    second = bench.complete(first, "s/2")
    assert isinstance(second, Claim)
    bench.complete(second, "s/3")
    before = bench.snapshot()
    assert (settle(bench, first), bench.snapshot()) == (Stale(), before)


@on_servers
@each_way
def test_a_settlement_asked_again_is_not_done_again_when_the_job_runs_elsewhere(
    bench: Bench, settle: Callable[[Bench, Claim], object]
) -> None:
    claim = bench.start("a")
    bench.apply(claim, RELEASE)
    bench.open("t")
    elsewhere = bench.take("t")
    before = bench.snapshot()
    settle(bench, claim)
    after = bench.snapshot()
    assert (after, bench.record("a").run) == (before, Run(1, 0, 0, elsewhere.run.since, "t/2"))


@on_servers
@each_way
def test_a_second_job_in_the_list_stays_there_when_the_first_is_settled(bench: Bench, settle: Callable[[Bench, Claim], object]) -> None:
    bench.put("a", "b", "c")
    bench.open("s")
    bench.move("s")
    bench.move("s")
    settle(bench, bench.take())
    assert bench.reader.held("q", ["s"]) == {"s": ["b"]}


@on_servers
@each_way
def test_a_job_in_front_of_the_settled_one_stays_there(bench: Bench, settle: Callable[[Bench, Claim], object]) -> None:
    claim = bench.start("a", "b", "c")
    bench.move("s")
    bench.ask("LMOVE", bench.keys.processing("s"), bench.keys.processing("s"), "RIGHT", "LEFT")
    settle(bench, claim)
    assert bench.reader.held("q", ["s"]) == {"s": ["b"]}


@on_servers
def test_a_job_that_has_begun_in_time_does_not_expire_when_it_is_put_back(bench: Bench) -> None:
    bench.put("a", expires=60_000, priority=3, unique="u")
    bench.open("s")
    bench.apply(bench.take(), RELEASE)
    assert bench.record("a").terms == Terms(priority=3, unique="u")
