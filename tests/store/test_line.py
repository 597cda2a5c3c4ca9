"""The line: higher priority first, then in the order of enqueueing; whoever waits is woken for any of them."""

from __future__ import annotations

import random
import threading

import pytest

from exqueue.model.job import Claim
from exqueue.model.policy import Recover
from exqueue.store.replies import Empty
from tests.cli.kit import soon
from tests.conftest import on_servers
from tests.store.kit import CRASH, FAIL, RELEASE, Bench
from tests.store.test_keys import run_all


@on_servers
def test_higher_priorities_run_first_and_one_priority_in_order(bench: Bench) -> None:
    for job_id, priority in [("p0", 0), ("n1", -1), ("h1", 7), ("p1", 0), ("h2", 7), ("top", 1000), ("n2", -1), ("last", -1000)]:
        bench.put(job_id, priority=priority)
    bench.open("s")
    expected = ["top", "h1", "h2", "p0", "p1", "n1", "n2", "last"]
    assert (bench.pending, run_all(bench)) == (expected, expected)


@on_servers
@pytest.mark.parametrize("seed", range(5))
def test_any_mixture_is_run_in_the_order_of_priority_and_number(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)
    jobs = [(f"j{n}", chance.choice([-1, 0, 0, 0, 1])) for n in range(40)]
    for job_id, priority in jobs:
        bench.put(job_id, priority=priority)
    bench.open("s")
    assert run_all(bench) == [job_id for job_id, _ in sorted(jobs, key=lambda job: -job[1])]


@on_servers
def test_what_comes_back_to_the_line_keeps_its_priority(bench: Bench) -> None:
    bench.put("low")
    bench.put("high", priority=1)
    bench.open("s", "t")
    bench.apply(bench.take("s"), RELEASE, "s")
    bench.recover("t", bench.take("t"), Recover(CRASH))
    assert bench.pending == ["high", "low"]


@on_servers
def test_a_job_that_was_only_moved_gives_way_to_one_of_higher_priority(bench: Bench) -> None:
    bench.put("low")
    bench.open("s")
    bench.move("s")
    bench.put("high", priority=1)
    assert (bench.take("s").id, bench.pending) == ("high", ["low"])


@on_servers
def test_a_priority_never_breaks_the_order_of_a_key(bench: Bench) -> None:
    bench.put("a1", key="a", priority=-5)
    bench.put("a2", key="a", priority=500)
    bench.put("p")
    bench.open("s")
    assert run_all(bench) == ["p", "a1", "a2"]


@on_servers
def test_a_requeued_job_goes_to_the_end_of_its_priority(bench: Bench) -> None:
    bench.fail("f", priority=1)
    bench.put("h", priority=1)
    bench.put("p")
    bench.store.requeue("q", ["f"])
    assert bench.pending == ["h", "f", "p"]


@pytest.mark.parametrize("channel", ["embedded", "redis"], indirect=True)
@pytest.mark.parametrize("terms", [{}, {"priority": 9}, {"priority": -9}, {"key": "k"}], ids=str)
def test_whoever_waits_is_woken_for_any_job(bench: Bench, terms: dict[str, object]) -> None:
    slots = ["s", "t", "u"]
    bench.open(*slots)
    claims: dict[str, object] = {}

    def work(slot: str) -> None:
        bench.store.wait("q", slot, 20, None)
        claims[slot] = bench.store.claim("q", slot, f"{slot}/1")

    threads = [threading.Thread(target=work, args=[slot], daemon=True) for slot in slots]
    for thread in threads:
        thread.start()
    soon(lambda: waiting(bench) == 3)
    if "key" in terms:  # one after the other they become ready: by a failure that does not block, by a release
        bench.put("x", **terms)
    else:
        bench.put("x", "y", "z", **terms)
    for thread in threads[: 1 if "key" in terms else 3]:
        thread.join(10)
    woken = {claim.id for claim in claims.values() if isinstance(claim, Claim)}
    assert woken == ({"x"} if "key" in terms else {"x", "y", "z"})
    bench.put("over", "out")
    for thread in threads:
        thread.join(10)


def waiting(bench: Bench) -> int:
    """How many clients of the server are blocked."""
    return int(bench.ask("INFO", "clients").decode().split("blocked_clients:")[1].split()[0])


@on_servers
def test_who_has_been_moved_the_last_of_the_list_wakes_another_for_those_that_are_ranked(bench: Bench) -> None:
    bench.put("a")
    bench.put("low", priority=-1)
    bench.open("s", "t")
    bench.move("s")
    assert bench.take("s").id == "a"
    bench.move("t")
    assert (bench.ask("LLEN", bench.keys.processing("t")), bench.take("t").id) == (1, "low")


@on_servers
def test_when_the_last_of_the_list_is_cancelled_a_bell_wakes_for_those_that_are_ranked(bench: Bench) -> None:
    bench.put("a")
    bench.put("low", priority=-1)
    bench.open("s")
    bench.store.cancel("q", ["a"])
    bench.move("s")
    assert (bench.ask("LLEN", bench.keys.processing("s")), bench.take().id) == (1, "low")


@on_servers
def test_an_empty_line_is_empty_also_after_a_bell(bench: Bench) -> None:
    bench.put("h", priority=1)
    bench.store.cancel("q", ["h"])
    bench.open("s")
    assert (bench.store.claim("q", "s", "s/1"), bench.counts()) == (Empty(), {"enqueued": 1, "deleted": 1})


@on_servers
def test_what_a_failure_sets_free_stands_where_it_was_enqueued(bench: Bench) -> None:
    bench.put("a1", "a2", key="a", blocks=False)
    bench.put("p1", "p2")
    bench.open("s")
    bench.apply(bench.take(), FAIL)
    assert bench.pending == ["a2", "p1", "p2"]
