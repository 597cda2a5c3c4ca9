"""Numbers of the line that it never came to: no repair believes them, and a queue goes on after it."""

from __future__ import annotations

import pytest

from exqueue.app import Exqueue
from exqueue.model.lifecycle import Place
from exqueue.store.fsck import check
from exqueue.store.repair import Repair
from tests.conftest import on_servers
from tests.store.kit import Bench

TOO_FAR = ("9" * 400, "9" * 20, "9007199254740993", "9" * 14, "9" * 13)


@pytest.fixture
def app(unchecked_app: Exqueue) -> Exqueue:
    return unchecked_app


def number(bench: Bench, job_id: str, digits: str) -> None:
    """Write another number of the line into a header."""
    header = bench.ask("HGET", bench.keys["jobs"], job_id)
    bench.ask("HSET", bench.keys["jobs"], job_id, b'{"seq":' + digits.encode() + b"," + header.partition(b",")[2])


def repaired(bench: Bench) -> list[str]:
    """What was found and repaired, each by the name of its rule."""
    return [f"{done.finding.invariant} {done.finding.key} -> {done.did}" for done in Repair(bench.store, ["q"]).run()]


def line(bench: Bench) -> list[str]:
    """The ids of the whole line, as they would be claimed."""
    bench.open("s")
    taken = []
    while bench.counts()["enqueued"] > len(taken):
        claim = bench.take()
        taken.append(claim.id)
        bench.complete(claim)
    return taken


@on_servers
@pytest.mark.parametrize("digits", TOO_FAR, ids=lambda digits: f"{len(digits)} digits")
def test_a_job_with_a_number_the_line_never_came_to_goes_to_its_end_and_the_queue_goes_on(bench: Bench, digits: str) -> None:
    bench.put("a", "b", "c")
    number(bench, "b", digits)
    bench.ask("HSET", bench.keys["counters"], "completed", "abc")
    done = repaired(bench)
    assert ("seq b -> renumbered" in done, len(done) < 6, bench.counts()["enqueued"], list(check(bench.store))) == (True, True, 3, [])
    bench.put("d")
    assert (bench.ask("HGET", bench.keys["counters"], "seq"), line(bench)) == (b"5", ["a", "c", "b", "d"])


@on_servers
def test_a_number_the_line_never_came_to_is_told_with_what_has_it(bench: Bench) -> None:
    bench.put("a")
    number(bench, "a", "9" * 14)
    assert [(found.invariant, found.key, found.line) for found in check(bench.store)] == [
        ("seq", "a", "a has number 99999999999999 of the line, to which that has never come"),
    ]  # fmt: skip


@on_servers
def test_a_counter_that_is_lost_rises_to_what_the_line_has_come_to_at_once(bench: Bench) -> None:
    bench.put("a", "b")
    bench.ask("HSET", bench.keys["counters"], "seq", "9" * 5000)
    assert repaired(bench) == ["counters seq -> seq " + "9" * 5000 + " -> 2"]


@on_servers
def test_a_number_that_waits_with_its_key_is_made_again_where_it_waits(bench: Bench) -> None:
    bench.put("a", key="k")
    bench.ask("HSET", bench.keys["counters"], "seq", "9" * 13)
    bench.put("b", key="k")
    bench.ask("HSET", bench.keys["counters"], "seq", "1")
    assert (repaired(bench), bench.ids(Place.WAITING), list(check(bench.store))) == (["seq b -> renumbered"], ["b"], [])
    assert line(bench) == ["a", "b"]


@on_servers
def test_a_high_number_that_the_counter_has_come_to_is_right(bench: Bench) -> None:
    bench.ask("HSET", bench.keys["counters"], "seq", 10**13)
    bench.put("a", "b")
    assert (list(check(bench.store)), line(bench)) == ([], ["a", "b"])
