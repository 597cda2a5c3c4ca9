"""pause, resume, max_running: whether jobs may begin, and who is woken when they may again. For rates see test_rate.py."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from exqueue.model.job import Claim
from exqueue.model.policy import Fail, Recover
from exqueue.store.replies import Closed, Empty
from tests.cli.kit import soon
from tests.conftest import on_servers
from tests.store.kit import CRASH, DISCARD, FAIL, RELEASE, RETRY, SNOOZE, UNSPENT, Bench

real_servers = pytest.mark.parametrize("channel", ["embedded", "redis"], indirect=True)
ENDS: dict[str, Callable[[Bench, Claim], object]] = {
    "complete": lambda bench, claim: bench.complete(claim),
    "finish": lambda bench, claim: bench.complete(claim, keep_ms=60_000),
    "retry": lambda bench, claim: bench.apply(claim, RETRY),
    "snooze": lambda bench, claim: bench.apply(claim, SNOOZE),
    "fail": lambda bench, claim: bench.apply(claim, FAIL),
    "fail unspent": lambda bench, claim: bench.apply(claim, UNSPENT),
    "release": lambda bench, claim: bench.apply(claim, RELEASE),
    "discard": lambda bench, claim: bench.apply(claim, DISCARD),
    "recover": lambda bench, claim: bench.recover("s", claim, Recover(CRASH)),
    "recover to failed": lambda bench, claim: bench.recover("s", claim, Fail(CRASH)),
}
each_end = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)


def bells(bench: Bench) -> int:
    return int(bench.ask("LLEN", bench.keys["bell"]))


@on_servers
def test_in_a_paused_queue_nothing_begins(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    assert (bench.store.pause("q"), bench.claim(), bench.pending, bench.reader.counts("q").paused) == (True, Closed(), ["a", "b"], True)


@on_servers
def test_what_runs_in_a_paused_queue_goes_on_but_is_followed_by_nothing(bench: Bench) -> None:
    held = bench.start("a", "b")
    bench.store.pause("q")
    assert (bench.take(), bench.complete(held, "s/2"), bench.pending) == (held, Closed(), ["b"])


@on_servers
def test_a_resumed_queue_goes_on_where_it_was(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    bench.store.pause("q")
    assert (bench.store.resume("q"), bench.take().id, bench.reader.counts("q").paused) == (True, "a", False)


@on_servers
def test_whoever_pauses_or_resumes_learns_whether_it_was_so_already(bench: Bench) -> None:
    steps = [bench.store.resume, bench.store.pause, bench.store.pause, bench.store.resume, bench.store.resume]
    assert [step("q") for step in steps] == [False, True, False, True, False]


@on_servers
def test_a_queue_that_is_paused_again_is_paused_since_the_first_time(bench: Bench) -> None:
    bench.store.pause("q")
    bench.ask("HSET", bench.keys["control"], "paused", "1")
    bench.store.pause("q")
    assert bench.snapshot()["control"] == {b"paused": b"1"}


@on_servers
def test_pausing_one_queue_leaves_the_others(bench: Bench) -> None:
    other = Bench(bench.app, "other")
    other.put("a")
    other.open("s")
    bench.store.pause("q")
    assert other.take().id == "a"


@on_servers
@pytest.mark.parametrize("limits", ["", "1 0 0", "0 1 60000"])
def test_a_closed_queue_takes_back_what_was_moved(bench: Bench, limits: str) -> None:
    bench.put("a", "b", "c", "d")
    bench.open("s", "t")
    if limits:
        bench.claim("t", limits)
    else:
        bench.store.pause("q")
    line = bench.pending
    bench.move("s")
    assert isinstance(bench.claim("s", limits), Closed)
    assert (bench.pending, bench.reader.held("q", ["s"]), bench.spent(line[0])) == (line, {}, (0, 0, 0))


@on_servers
def test_a_process_that_a_job_has_woken_in_vain_leaves_the_bell_for_others(bench: Bench) -> None:
    bench.put("h", priority=1)
    bench.open("s", "t")
    bench.store.pause("q")
    bench.move("s")
    assert bench.claim() == Closed()
    bench.store.resume("q")
    bench.move("t")
    assert (bench.ask("LLEN", bench.keys.processing("t")), bench.take("t").id) == (1, "h")


@on_servers
def test_no_more_run_at_once_than_may(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s", "t", "u")
    found = [bench.claim(slot, "2 0 0") for slot in "stu"]
    assert ([isinstance(one, Claim) for one in found], found[2], bench.pending) == ([True, True, False], Closed(), ["c"])


@on_servers
@each_end
def test_whatever_ends_makes_room_and_wakes_whoever_was_told_that_there_is_none(
    bench: Bench, end: Callable[[Bench, Claim], object]
) -> None:
    bench.put("a", "b")
    bench.open("s", "t")
    running = bench.claim("s", "1 0 0")
    assert isinstance(running, Claim)
    assert (bench.claim("t", "1 0 0"), bells(bench)) == (Closed(), 0)
    end(bench, running)
    assert (bells(bench), isinstance(bench.claim("t", "1 0 0"), Claim)) == (1, True)


@on_servers
@each_end
def test_an_end_that_is_told_twice_makes_room_once(bench: Bench, end: Callable[[Bench, Claim], object]) -> None:
    bench.put("a", "b", "c", "d")
    bench.open("s", "t", "u")
    running = bench.claim("s", "2 0 0")
    bench.claim("t", "2 0 0")
    assert isinstance(running, Claim)
    for _ in range(2):
        end(bench, running)
    bench.open("v")
    assert [isinstance(bench.claim(slot, "2 0 0"), Claim) for slot in "uv"] == [True, False]


@on_servers
def test_a_process_makes_room_for_itself(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    running = bench.claim("s", "1 0 0")
    assert isinstance(running, Claim)
    following = bench.store.complete(running, "s", "s/next", "1 0 0")
    assert isinstance(following, Claim)
    assert following.id == "b"


@on_servers
@each_end
def test_as_long_as_nobody_was_turned_away_no_bell_is_rung(bench: Bench, end: Callable[[Bench, Claim], object]) -> None:
    end(bench, bench.start("a", "b"))
    assert bells(bench) == 0


@on_servers
def test_a_bell_that_nobody_hears_is_not_rung_for_ever(bench: Bench) -> None:
    ids = [f"j{n}" for n in range(40)]
    bench.put(*ids)
    bench.open("s", "t")
    found = bench.claim("s", "1 0 0")
    bench.claim("t", "1 0 0")
    for _ in range(39):
        assert isinstance(found, Claim)
        bench.apply(found, RETRY)
        found = bench.claim("s", "1 0 0")
    assert bells(bench) == 16


@on_servers
def test_a_place_that_is_taken_again_at_once_wakes_nobody(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s", "t")
    found = bench.claim("s", "1 0 0")
    bench.claim("t", "1 0 0")
    assert isinstance(found, Claim)
    bench.store.complete(found, "s", "s/next", "1 0 0")
    assert bells(bench) == 0


@on_servers
def test_where_nothing_is_limited_all_may_run(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s", "t", "u", "v")
    assert [type(bench.claim(slot)) for slot in "stuv"] == [Claim, Claim, Claim, Empty]


@on_servers
def test_resuming_rings_for_each_process_and_for_none_that_was_there_before(bench: Bench) -> None:
    bench.open("s", "t", "u", "closed")
    bench.recover("closed")
    bench.ask("RPUSH", bench.keys["bell"], *["!"] * 9)
    bench.store.pause("q")
    bench.store.resume("q")
    assert bells(bench) == 3


@real_servers
def test_all_that_wait_for_a_paused_queue_are_woken_when_it_is_resumed(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s", "t", "u")
    bench.store.pause("q")
    found: dict[str, object] = {}
    threads = [waiting(bench, slot, found) for slot in "stu"]
    bench.store.resume("q")
    for thread in threads:
        thread.join(10)
    assert {one.id for one in found.values() if isinstance(one, Claim)} == {"a", "b", "c"}


@real_servers
def test_one_of_those_that_wait_for_another_to_end_is_woken_when_it_does(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s", "t", "u")
    running = bench.claim("s", "1 0 0")
    assert isinstance(running, Claim)
    found: dict[str, object] = {}
    threads = [waiting(bench, slot, found, "1 0 0") for slot in "tu"]
    bench.complete(running)
    soon(lambda: found)
    assert [one.id for one in found.values() if isinstance(one, Claim)] == ["b"]
    bench.ask("RPUSH", bench.keys["bell"], "!")  # the other one waits still
    for thread in threads:
        thread.join(10)
    assert sorted(type(one).__name__ for one in found.values()) == ["Claim", "Closed"]


def waiting(bench: Bench, slot: str, found: dict[str, object], limits: str = "") -> threading.Thread:
    """A process that has found the queue closed, waits until it is woken, and claims."""
    assert isinstance(bench.claim(slot, limits), Closed)
    before = blocked(bench)

    def work() -> None:
        bench.store.wait("q", slot, 4, None, closed=True)
        found[slot] = bench.claim(slot, limits)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    soon(lambda: blocked(bench) > before)
    return thread


def blocked(bench: Bench) -> int:
    lines = bench.ask("INFO", "clients").decode().splitlines()
    return int(next(line for line in lines if line.startswith("blocked_clients:")).partition(":")[2])
