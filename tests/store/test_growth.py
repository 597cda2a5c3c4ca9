"""What is done to a queue costs as many commands where it is long as where it is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from exqueue.model.lifecycle import Place
from tests.store.kit import Bench
from tests.store.servers import Server

SHORT, LONG = 300, 3000


@pytest.fixture
def bench(server: Server) -> Iterator[Bench]:
    """The queue `q` of a server that nobody else uses."""
    server.channel().ask([("FLUSHALL",)])
    yield Bench(app := server.app())
    app.close()


def run_ten(bench: Bench) -> None:
    claim = bench.start()
    for _ in range(9):
        claim = bench.store.complete(claim, "s", f"s/{next(bench.numbers)}")  # type: ignore[assignment]
    bench.complete(claim)


def list_pending(bench: Bench) -> None:
    assert len(list(islice(bench.app.jobs(Place.PENDING), 101))) == 101


def list_delayed(bench: Bench) -> None:
    assert len(list(islice(bench.app.jobs(Place.DELAYED), 101))) == 101


def list_waiting(bench: Bench) -> None:
    assert len(list(islice(bench.app.jobs(Place.WAITING), 101))) == 101


def count(bench: Bench) -> None:
    assert bench.counts() != {}


def fill(bench: Bench, numbers: range) -> None:
    """As many jobs that are pending, that are delayed, and that wait for their key."""
    bench.put(*(f"p{n}" for n in numbers))
    bench.put(*(f"d{n}" for n in numbers), delay_ms=60_000)
    bench.put(*(f"w{n}" for n in numbers), key="k")


@pytest.mark.parametrize("act", [run_ten, list_pending, list_delayed, list_waiting, count])
def test_a_long_queue_is_no_more_work_than_a_short_one(bench: Bench, act: Callable[[Bench], None]) -> None:
    fill(bench, range(SHORT))
    act(bench)  # once, so that the scripts are loaded
    short = commands_of(bench, act)
    fill(bench, range(SHORT, LONG))
    assert commands_of(bench, act) == short


def test_the_first_blocked_keys_of_many_are_read_like_those_of_few(bench: Bench) -> None:
    bench.fail("f", key="k")
    few = commands_of(bench, lambda bench: next(bench.reader.each_blocked("q")))
    bench.ask("ZADD", bench.keys["blocked"], *(part for n in range(LONG) for part in (n, f"k{n}")))
    assert commands_of(bench, lambda bench: list(islice(bench.reader.each_blocked("q"), 200))) == few + 199  # one count for each key


def commands_of(bench: Bench, act: Callable[[Bench], object]) -> int:
    """How many commands the server carries out for it, those of scripts among them."""
    bench.ask("CONFIG", "RESETSTAT")
    act(bench)
    lines = bench.ask("INFO", "commandstats").decode().splitlines()
    return sum(int(line.partition("calls=")[2].partition(",")[0]) for line in lines if line.startswith("cmdstat_"))
