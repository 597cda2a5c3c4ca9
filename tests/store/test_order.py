"""Whatever comes back to the line stands where it stood; whatever is new stands at the end."""

from __future__ import annotations

from itertools import permutations

import pytest

from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail
from tests.conftest import on_servers_and_cluster as on_servers
from tests.store.kit import CRASH, RELEASE, SNOOZE, Bench

any_order = pytest.mark.parametrize("order", [*permutations("stuv")], ids="".join)


@on_servers
@any_order
def test_recovered_jobs_go_back_before_those_behind_them(bench: Bench, order: tuple[str, ...]) -> None:
    bench.put("a", "b", "c", "d", "e", "f")
    bench.open(*"stuv")
    cut_off = {slot: bench.take(slot) for slot in "stuv"}
    for slot in order:
        bench.recover(slot, cut_off[slot])
    assert bench.pending == ["a", "b", "c", "d", "e", "f"]


@on_servers
@any_order
def test_jobs_that_were_moved_but_never_claimed_go_back_before_those_behind_them(bench: Bench, order: tuple[str, ...]) -> None:
    bench.put("a", "b", "c", "d", "e", "f")
    bench.open(*"stuv")
    for slot in "stuv":
        bench.move(slot)
    for slot in order:
        bench.recover(slot)
    assert (bench.pending, bench.spent("a")) == (["a", "b", "c", "d", "e", "f"], (0, 0, 0))


@on_servers
@any_order
def test_claimed_and_unclaimed_jobs_of_one_list_go_back_to_their_places(bench: Bench, order: tuple[str, ...]) -> None:
    bench.put(*"abcdefgh")
    bench.open(*"stuv")
    cut_off = {slot: bench.take(slot) for slot in "su"}
    for slot in "tuvs":
        bench.move(slot)
    for slot in order:
        bench.recover(slot, cut_off.get(slot))
    assert (bench.pending, bench.counts()) == ([*"abcdefgh"], {"pending": 8, "enqueued": 8})


@on_servers
@any_order
def test_released_jobs_go_back_before_those_behind_them(bench: Bench, order: tuple[str, ...]) -> None:
    bench.put("a", "b", "c", "d", "e", "f")
    bench.open(*"stuv")
    claims = {slot: bench.take(slot) for slot in "stuv"}
    for slot in order:
        bench.apply(claims[slot], RELEASE, slot)
    assert bench.pending == ["a", "b", "c", "d", "e", "f"]


@on_servers
def test_a_job_goes_back_behind_the_one_before_it_that_came_back_already(bench: Bench) -> None:
    bench.put("a", "b", "c", "d")
    bench.open("s", "t", "u")
    first, second, third = bench.take("s"), bench.take("t"), bench.take("u")
    bench.apply(first, RELEASE, "s")
    bench.complete(second, slot="t")
    bench.recover("u", third)
    assert bench.pending == ["a", "c", "d"]


@on_servers
def test_a_job_that_fails_in_the_recovery_leaves_the_others_in_order(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s")
    poison = bench.take("s")
    bench.move("s")
    bench.recover("s", poison, Fail(CRASH))
    assert (bench.pending, bench.ids(Place.FAILED)) == (["b", "c"], ["a"])


@on_servers
def test_due_jobs_join_the_end_of_the_line_in_the_order_in_which_they_are_due(bench: Bench) -> None:
    bench.put("c", "b", "a", delay_ms=60_000)
    bench.put("x", "y")
    bench.make_due("a", "c")
    moved, wait = bench.store.promote("q")
    assert (moved, wait is not None and 50_000 < wait <= 60_000) == (2, True)
    assert (bench.pending, bench.counts()) == (["x", "y", "a", "c"], {"pending": 4, "delayed": 1, "enqueued": 5})


@on_servers
def test_when_nothing_is_delayed_there_is_nothing_to_wait_for(bench: Bench) -> None:
    bench.put("a")
    assert bench.store.promote("q") == (0, None)


@on_servers
def test_a_job_that_will_never_be_due_is_not_waited_for_less_than_no_time(bench: Bench) -> None:
    bench.put("a", delay_ms=5)
    bench.ask("ZADD", bench.keys["delayed"], "+inf", "a")
    moved, wait = bench.store.promote("q")
    assert (moved, wait is None or wait > 0) == (0, True)


@on_servers
def test_of_many_that_are_due_no_more_are_moved_than_asked_for(bench: Bench) -> None:
    bench.put("a", "b", "c", delay_ms=60_000)
    bench.make_due("a", "b", "c")
    assert (bench.store.promote("q", 2), bench.pending, bench.store.promote("q", 2)) == ((2, 0), ["a", "b"], (1, None))


@on_servers
def test_a_job_that_is_due_again_keeps_its_new_place_when_it_is_recovered(bench: Bench) -> None:
    bench.apply(bench.start("a", "b", "c"), SNOOZE)
    bench.make_due("a")
    bench.store.promote("q")
    bench.open("t", "u", "v")
    claims = {slot: bench.take(slot) for slot in "tuv"}
    for slot in "vtu":
        bench.recover(slot, claims[slot])
    assert bench.pending == ["b", "c", "a"]


@on_servers
def test_an_id_without_a_job_comes_back_at_the_head(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s", "t", "u")
    bench.take("s")
    bench.ask("LPUSH", bench.keys["pending"], "foreign")
    bench.move("t")
    bench.recover("t")
    assert bench.pending == ["foreign", "b"]
    bench.take("u")


@on_servers
def test_the_line_can_hold_many_that_stand_before_the_one_that_comes_back(bench: Bench) -> None:
    bench.put(*(f"j{n}" for n in range(60)))
    bench.open("s", *(f"t{n}" for n in range(59)))
    claims = {f"t{n}": bench.take(f"t{n}") for n in range(59)}
    last = bench.take("s")
    for slot, claim in claims.items():
        bench.apply(claim, RELEASE, slot)
    bench.recover("s", last)
    assert bench.pending == [f"j{n}" for n in range(60)]
