"""batch: several plain jobs are settled in one step, and several claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exqueue.model.chain import NewJob
from exqueue.model.job import Progress
from exqueue.model.policy import Fail, Recover
from exqueue.store.replies import Stale, Unregistered, Unusual
from tests.conftest import on_servers_and_cluster as on_servers
from tests.store.kit import CRASH, FAIL, HEADER, RELEASE, RETRY, UNSPENT, Bench


def ids(claims: object) -> list[str]:
    """What was claimed."""
    assert isinstance(claims, tuple)
    return [claim.id for claim in claims]


@on_servers
def test_jobs_are_claimed_in_the_order_of_the_line_each_under_a_token_of_its_own(bench: Bench) -> None:
    bench.put("a", "b", "c", "d")
    bench.open("s")
    claims = bench.store.batch("q", "s", (), 7, 3)
    assert isinstance(claims, tuple)
    assert [(claim.id, claim.token, claim.run.attempt) for claim in claims] == [("a", "s/7", 1), ("b", "s/8", 1), ("c", "s/9", 1)]
    assert (claims[0].header, claims[0].body) == (bench.record("a").header, b"\x01\x80\xff\x00")
    assert bench.counts() == {"pending": 1, "processing": 3, "enqueued": 4}


@on_servers
def test_what_is_settled_is_gone_and_what_is_left_is_held(bench: Bench) -> None:
    claims = bench.start_batch("a", "b", "c")
    assert bench.store.batch("q", "s", claims[:2]) == ()
    assert (bench.counts(), bench.put("a", "b")) == ({"processing": 1, "enqueued": 3, "completed": 2}, [False, False])
    assert bench.store.batch("q", "s", claims[2:], 4, 2) == ()
    assert bench.counts() == {"enqueued": 3, "completed": 3}


@on_servers
def test_what_was_moved_into_the_list_of_the_slot_is_the_first_of_the_batch(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s")
    bench.move("s")
    assert (ids(bench.store.batch("q", "s", (), 1, 2)), bench.pending) == (["a", "b"], ["c"])


@on_servers
def test_of_a_job_whose_first_start_was_taken_back_nothing_is_left_either(bench: Bench) -> None:
    bench.apply(bench.start("a"), UNSPENT)
    bench.store.requeue("q", ["a"])
    claims = bench.store.batch("q", "s", (), 7, 2)
    assert isinstance(claims, tuple)
    assert (ids(claims), bench.store.batch("q", "s", claims), "errors" in bench.snapshot()) == (["a"], (), False)


@on_servers
def test_nothing_to_claim_is_an_empty_batch(bench: Bench) -> None:
    bench.open("s")
    before = bench.snapshot()
    assert (bench.store.batch("q", "s", (), 1, 2), bench.snapshot()) == ((), before)


@on_servers
def test_a_slot_that_was_closed_gets_no_batch(bench: Bench) -> None:
    bench.put("a")
    assert (bench.store.batch("q", "s", (), 1, 2), bench.pending) == (Unregistered(), ["a"])


@on_servers
def test_a_closed_slot_that_settled_in_time_claims_nothing_new(bench: Bench) -> None:
    claims = bench.start_batch("a")
    bench.put("b")
    bench.ask("HDEL", bench.keys["slots"], "s")
    assert (bench.store.batch("q", "s", claims, 2, 2), bench.pending) == ((), ["b"])


@on_servers
@pytest.mark.parametrize("terms", [{"key": "k"}, {"unique": "u"}, {"expires": 9_999_999_999_999}])
def test_a_batch_ends_before_a_job_that_is_not_plain_which_is_for_claim(bench: Bench, terms: dict[str, Any]) -> None:
    bench.put("a", "b")
    bench.put("c", **terms)
    bench.put("d")
    bench.open("s")
    claims = bench.store.batch("q", "s", (), 1, 9)
    assert (ids(claims), bench.pending) == (["a", "b"], ["c", "d"])
    assert (bench.store.batch("q", "s", claims, 3, 9), bench.store.batch("q", "s", (), 3, 9)) == ((), Unusual())  # type: ignore[arg-type]
    assert bench.take().id == "c"


@on_servers
@pytest.mark.parametrize("what", ["ranked", "paused", "put back", "retried"])
def test_where_anything_is_unusual_nothing_is_claimed_or_changed(bench: Bench, what: str) -> None:
    if what in ("put back", "retried"):
        bench.apply(bench.start("a", slot="t"), RELEASE if what == "put back" else RETRY, slot="t")
        bench.make_due(*(["a"] if what == "retried" else []))
        bench.store.promote("q")
    bench.put("b", "c")
    bench.open("s")
    if what == "paused":
        bench.store.pause("q")
    if what == "ranked":
        bench.put("first", priority=1)
    before = bench.snapshot()
    assert (bench.store.batch("q", "s", (), 1, 9), bench.snapshot()) == (Unusual(), before)


@on_servers
@pytest.mark.parametrize(("sizes", "claimed"), [((600_000, 400_000, 100_000), 2), ((3_000_000, 1), 1), ((1, 3_000_000), 1)])
def test_a_batch_is_not_more_than_a_megabyte_of_jobs_but_one_job_at_least(bench: Bench, sizes: tuple[int, ...], claimed: int) -> None:
    bench.store.enqueue("q", [NewJob(f"a{number}", HEADER, b"x" * size) for number, size in enumerate(sizes)])
    bench.open("s")
    found = bench.store.batch("q", "s", (), 1, 9)
    assert isinstance(found, tuple)
    assert [len(claim.body) for claim in found] == [*sizes[:claimed]]


@on_servers
def test_an_id_that_is_named_twice_is_claimed_once(bench: Bench) -> None:
    bench.put("a", "b")
    bench.ask("RPUSH", bench.keys["pending"], "a")
    bench.open("s")
    claims = bench.store.batch("q", "s", (), 1, 9)
    assert ids(claims) == ["a", "b"]
    bench.store.batch("q", "s", claims)  # type: ignore[arg-type]
    bench.ask("LREM", bench.keys["pending"], 1, "a")


@on_servers
def test_an_id_without_a_job_is_left_to_claim_which_adopts_it(bench: Bench) -> None:
    bench.ask("RPUSH", bench.keys["pending"], "foreign")
    bench.open("s")
    assert (bench.store.batch("q", "s", (), 1, 9), bench.take().id) == (Unusual(), "foreign")


@on_servers
def test_a_job_that_has_told_of_its_progress_has_ties_so_nothing_is_settled(bench: Bench) -> None:
    claims = bench.start_batch("a", "b")
    bench.store.report(claims[1], Progress(0.5, "", 1))
    before = bench.snapshot()
    assert (bench.store.batch("q", "s", claims), bench.snapshot()) == (Unusual(), before)
    for claim in claims:
        bench.complete(claim)
    assert bench.counts() == {"enqueued": 2, "completed": 2}


@on_servers
def test_jobs_that_were_given_to_another_are_not_settled_by_the_first(bench: Bench) -> None:
    claims = bench.start_batch("a", "b")
    bench.recover("s", claims[0])
    bench.open("t")
    bench.take("t")
    before = bench.snapshot()
    assert (bench.store.batch("q", "s", claims), bench.complete(claims[0]), bench.complete(claims[1])) == (Unusual(), Stale(), Stale())
    assert bench.snapshot() == before


@on_servers
@pytest.mark.parametrize("position", [0, 1])
def test_one_token_that_is_wrong_keeps_all_from_being_settled(bench: Bench, position: int) -> None:
    claims = list(bench.start_batch("a", "b"))
    claims[position] = replace(claims[position], token="s/9")
    before = bench.snapshot()
    assert (bench.store.batch("q", "s", claims), bench.snapshot()) == (Unusual(), before)


@on_servers
@pytest.mark.parametrize("verdict", [RETRY, FAIL, RELEASE])
def test_a_job_in_the_middle_of_a_batch_is_settled_by_the_steps_for_all_others(bench: Bench, verdict: Any) -> None:
    first, middle, last = bench.start_batch("a", "b", "c")
    bench.apply(middle, verdict)
    assert (bench.store.batch("q", "s", [first, last]), bench.counts().get("completed"), bench.counts().get("processing")) == ((), 2, None)


@on_servers
def test_the_memory_of_ids_that_are_gone_is_turned_over(bench: Bench) -> None:
    bench.ask("SADD", bench.keys["recent"], *(f"old{n}" for n in range(9_998)))
    bench.ask("HSET", bench.keys["counters"], "enqueued", 998, "completed", 998)
    assert bench.store.batch("q", "s", bench.start_batch("a", "b", "c")) == ()
    assert (bench.ask("SCARD", bench.keys["recent"]), bench.ask("SCARD", bench.keys["older"])) == (0, 10_001)
    assert bench.put("a") == [False]


# Of a process that died in the middle of a batch.


@on_servers
def test_what_had_begun_counts_what_had_not_goes_back_uncounted_all_in_order(bench: Bench) -> None:
    claims = bench.start_batch("a", "b", "c", "d")
    bench.put("e")
    assert (bench.recover("s", claims[1]), bench.pending) == ("recovered", ["a", "b", "c", "d", "e"])
    assert [bench.spent(job) for job in "abcde"] == [(1, 0, 0), (1, 0, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert [bench.record(job).errors for job in "abc"] == [(), (CRASH,), ()]


@on_servers
def test_of_a_process_that_is_only_thought_to_be_dead_all_count_as_begun(bench: Bench) -> None:
    """For nobody knows how far it came, and whoever is given one of them must know that it may still run somewhere."""
    claims = bench.start_batch("a", "b", "c")
    assert bench.store.recover("q", "s", "r", "0", ("a", claims[0].token), Recover(CRASH)) == "recovered"
    assert [bench.spent(job) for job in "abc"] == [(1, 0, 1), (1, 0, 0), (1, 0, 0)]


@on_servers
def test_where_none_was_cut_off_the_last_that_had_begun_is_told(bench: Bench) -> None:
    bench.start_batch("a", "b", "c")
    assert bench.store.recover("q", "s", "r", "", ("", "s/2"), None) == "recovered"
    assert (bench.pending, [bench.spent(job) for job in "abc"]) == (["a", "b", "c"], [(1, 0, 0), (1, 0, 0), (0, 0, 0)])


@on_servers
def test_the_one_that_was_cut_off_may_fail_the_others_go_back(bench: Bench) -> None:
    claims = bench.start_batch("a", "b", "c")
    assert (bench.recover("s", claims[1], Fail(CRASH)), bench.pending) == ("recovered", ["a", "c"])
    assert bench.counts() == {"pending": 2, "failed": 1, "enqueued": 3}


@on_servers
def test_a_batch_that_was_settled_since_has_changed(bench: Bench) -> None:
    claims = bench.start_batch("a")
    bench.put("b", "c")
    bench.store.batch("q", "s", claims, 2, 2)
    before = bench.snapshot()
    assert (bench.recover("s", claims[0]), bench.recover("s"), bench.snapshot()) == ("changed", "changed", before)


@on_servers
def test_what_came_back_is_taken_alone(bench: Bench) -> None:
    bench.recover("s", bench.start_batch("a", "b", "c")[0])
    bench.open("t")
    assert (bench.store.batch("q", "t", (), 1, 9), bench.take("t").id) == (Unusual(), "a")
