"""unique: of jobs of one name there is one at a time, and whoever enqueues another is told which."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail, Recover
from tests.conftest import on_servers
from tests.store.kit import CRASH, DISCARD, FAIL, RELEASE, RETRY, SNOOZE, Bench

# What becomes of a job of the name u, `a`, that the slot s is to claim next.
HOLDS: dict[str, Callable[[Bench], object]] = {
    "pending": lambda bench: None,
    "processing": lambda bench: bench.take(),
    "moved": lambda bench: bench.move("s"),
    "retried": lambda bench: bench.apply(bench.take(), RETRY),
    "snoozed": lambda bench: bench.apply(bench.take(), SNOOZE),
    "released": lambda bench: bench.apply(bench.take(), RELEASE),
    "recovered": lambda bench: bench.recover("s", bench.take(), Recover(CRASH)),
    "crashed too often": lambda bench: bench.recover("s", bench.take(), Fail(CRASH)),
    "failed": lambda bench: bench.apply(bench.take(), FAIL),
    "requeued": lambda bench: [bench.apply(bench.take(), FAIL), bench.store.requeue("q", ["a"])],
    "skipped": lambda bench: [bench.apply(bench.take(), FAIL), bench.store.skip("q", ["a"])],
}
FREES: dict[str, Callable[[Bench], object]] = {
    "completed": lambda bench: bench.complete(bench.take()),
    "done": lambda bench: bench.complete(bench.take(), keep_ms=60_000, result=b"r"),
    "cancelled": lambda bench: bench.store.cancel("q", ["a"]),
    "deleted": lambda bench: [bench.apply(bench.take(), FAIL), bench.store.delete("q", ["a"])],
    "discarded": lambda bench: bench.apply(bench.take(), DISCARD),
}


@on_servers
@pytest.mark.parametrize("become", HOLDS.values(), ids=HOLDS)
@pytest.mark.parametrize("later", [0, 60_000])
def test_as_long_as_it_exists_no_other_of_its_name_is_accepted(bench: Bench, become: Callable[[Bench], object], later: int) -> None:
    bench.put("a", unique="u", key="k")
    bench.open("s")
    become(bench)
    before = bench.snapshot()
    assert (bench.known("b", unique="u", delay_ms=later), bench.snapshot()) == ("a", before)


@on_servers
@pytest.mark.parametrize("free", FREES.values(), ids=FREES)
def test_once_it_is_gone_or_done_another_of_its_name_is_accepted(bench: Bench, free: Callable[[Bench], object]) -> None:
    bench.put("a", unique="u", key="k")
    bench.open("s")
    free(bench)
    assert [bench.known(job_id, unique="u") for job_id in "bc"] == ["", "b"]


@on_servers
def test_jobs_for_later_and_those_that_wait_have_their_names_too(bench: Bench) -> None:
    bench.put("late", unique="u", delay_ms=60_000)
    bench.put("head", key="k")
    bench.put("behind", key="k", unique="v")
    assert [bench.known("x", unique=name) for name in "uv"] == ["late", "behind"]


@on_servers
@pytest.mark.parametrize("end", ["purge", "delete"])
def test_when_a_kept_result_goes_the_name_stays_with_the_one_that_has_it_now(bench: Bench, end: str) -> None:
    bench.keep("a", unique="u")
    bench.put("b", unique="u")
    bench.ask("ZADD", bench.keys["done"], 1, "a")
    bench.store.purge("q") if end == "purge" else bench.store.delete("q", ["a"])
    assert (bench.ids(Place.DONE), bench.known("c", unique="u")) == ([], "b")


@on_servers
def test_of_several_in_one_step_the_first_is_accepted(bench: Bench) -> None:
    assert (bench.put("a", "b", "c", unique="u"), bench.pending) == ([True, False, False], ["a"])


@on_servers
def test_jobs_without_a_name_are_not_of_one_name(bench: Bench) -> None:
    assert bench.put("a", "b", key="k") == [True, True]


@on_servers
def test_names_are_told_apart(bench: Bench) -> None:
    assert [bench.known(job_id, unique=name) for job_id, name in [("a", "u"), ("b", "u1"), ("c", "ü"), ("d", "u")]] == ["", "", "", "a"]


@on_servers
def test_the_same_name_is_another_in_another_queue(bench: Bench) -> None:
    bench.put("a", unique="u")
    assert Bench(bench.app, "other").known("b", unique="u") == ""


@on_servers
def test_an_id_that_is_known_is_told_before_a_name_that_is_taken(bench: Bench) -> None:
    bench.complete(bench.start("gone"))
    bench.put("a", unique="u")
    bench.put("b", unique="v")
    assert [bench.known(job_id, unique="u") for job_id in ("b", "gone", "new")] == ["b", "gone", "a"]


@on_servers
def test_an_id_given_again_takes_no_name(bench: Bench) -> None:
    bench.put("a")
    assert [bench.known("a", unique="u"), bench.known("b", unique="u")] == ["a", ""]


@on_servers
def test_a_name_that_no_job_has_any_more_is_free(bench: Bench) -> None:
    bench.put("b")
    bench.ask("HSET", bench.keys["uniques"], "u", "vanished")
    assert (bench.known("a", unique="u"), bench.fields("uniques")) == ("", {"u": "a"})
