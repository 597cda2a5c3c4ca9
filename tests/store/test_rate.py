"""rate: no more jobs start in a window of time than may, over all processes."""

from __future__ import annotations

import pytest

from exqueue.model.job import Claim
from exqueue.store.replies import Closed
from tests.cli.kit import soon
from tests.conftest import on_servers
from tests.store.kit import RELEASE, Bench


def started(bench: Bench, *moments: int) -> None:
    """Let the last starts have been so many ms ago, the longest ago first."""
    seconds, micros = bench.ask("TIME")
    now = int(seconds) * 1000 + int(micros) // 1000
    bench.ask("RPUSH", bench.keys["starts"], *(now - ago for ago in moments))


@on_servers
def test_no_more_start_in_a_window_than_may(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s", "t", "u")
    found = [bench.claim(slot, "0 2 60000") for slot in "stu"]
    assert [isinstance(one, Claim) for one in found] == [True, True, False]
    assert isinstance(found[2], Closed)
    assert found[2].seconds is not None
    assert 50 < found[2].seconds <= 60


@on_servers
@pytest.mark.parametrize(("ago", "least", "most"), [([59_000, 0], 0.5, 1.0), ([40_000, 39_000, 10], 20.5, 21.0)])
def test_it_is_said_when_the_window_will_have_passed(bench: Bench, ago: list[int], least: float, most: float) -> None:
    bench.put("a")
    bench.open("s")
    started(bench, *ago)
    found = bench.claim("s", "0 2 60000")
    assert isinstance(found, Closed)
    assert found.seconds is not None
    assert least <= found.seconds <= most


@on_servers
@pytest.mark.parametrize("ago", [[60_001, 0], [60_000_000, 50_000_000], [10], []], ids=str)
def test_starts_that_are_too_few_or_too_long_ago_do_not_count(bench: Bench, ago: list[int]) -> None:
    bench.put("a")
    bench.open("s")
    if ago:
        started(bench, *ago)
    assert isinstance(bench.claim("s", "0 2 60000"), Claim)


@on_servers
def test_the_window_slides(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s", "t")
    started(bench, 61_000, 30_000)
    first, second = bench.claim("s", "0 2 60000"), bench.claim("t", "0 2 60000")
    assert isinstance(first, Claim)
    assert isinstance(second, Closed)
    assert second.seconds is not None
    assert 29 < second.seconds <= 30


@on_servers
def test_when_the_clock_of_the_server_has_stepped_back_jobs_are_not_held_up_until_it_is_there_again(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s", "t", "u")
    started(bench, -3_600_000, -3_600_000)
    found = [bench.claim(slot, "0 2 60000") for slot in "stu"]
    assert ([isinstance(one, Claim) for one in found], bench.ask("LLEN", bench.keys["starts"])) == ([True, True, False], 2)


@on_servers
def test_a_start_that_was_released_counts_all_the_same(bench: Bench) -> None:
    bench.put("a")
    bench.open("s")
    running = bench.claim("s", "0 1 60000")
    assert isinstance(running, Claim)
    bench.apply(running, RELEASE)
    assert isinstance(bench.claim("s", "0 1 60000"), Closed)


@on_servers
@pytest.mark.parametrize(("limits", "kept"), [("", 0), ("3 0 0", 0), ("0 3 1", 3), ("9 2 1", 2)])
def test_no_more_starts_are_kept_than_are_asked_for(bench: Bench, limits: str, kept: int) -> None:
    bench.put("a", "b", "c", "d", "e")
    bench.open("s")
    for _ in range(5):
        soon(lambda: not isinstance(bench.claim("s", limits), Closed))
        bench.complete(bench.take())
    assert bench.ask("LLEN", bench.keys["starts"]) == kept


@on_servers
@pytest.mark.parametrize(("limits", "told"), [("1 1 60000", None), ("2 1 60000", "later")])
def test_with_both_limits_each_holds(bench: Bench, limits: str, told: str | None) -> None:
    bench.put("a", "b")
    bench.open("s", "t")
    bench.claim("s", limits)
    found = bench.claim("t", limits)
    assert isinstance(found, Closed)
    assert (found.seconds is None) == (told is None)


@on_servers
def test_a_claim_asked_again_is_answered_though_the_limit_is_reached_by_it(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    first, after = bench.claim("s", "1 1 60000"), bench.snapshot()
    assert (bench.claim("s", "1 1 60000"), bench.snapshot()) == (first, after)
