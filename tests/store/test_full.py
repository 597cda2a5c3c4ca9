"""A full server takes no new jobs, but all that is there can still be run, settled and recovered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreRefused
from exqueue.store.invariants import broken
from tests.store.kit import FAIL, RELEASE, RETRY, Bench
from tests.store.servers import Server, running
from tests.store.steps import STEPS

# What makes room, or moves what is there. `register` and `beat` keep those alive who can make room.
ADDING = ("enqueue", "push", "fire", "schedule")
DRAINING = [step for step in STEPS if not step.startswith(ADDING)]


@pytest.fixture(params=["redis", "valkey"], scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(request.param, "--maxmemory-policy", "noeviction") as server:
        yield server


@pytest.fixture
def app(server: Server) -> Iterator[Exqueue]:
    app = server.app()
    app.channel.ask([("CONFIG", "SET", "maxmemory", 0), ("FLUSHALL",)])
    yield app
    lines = broken(app.channel, "ns")
    app.close()
    assert lines == []


def fill(bench: Bench) -> None:
    bench.ask("CONFIG", "SET", "maxmemory", 1)


@pytest.mark.parametrize("delay_ms", [0, 60_000])
def test_a_job_is_refused_and_nothing_of_it_is_written(bench: Bench, delay_ms: int) -> None:
    bench.start("a", "b")
    fill(bench)
    before = bench.snapshot()
    with pytest.raises(StoreRefused, match=r"its memory is full; free some or raise maxmemory$"):
        bench.put("c", "d", delay_ms=delay_ms)
    assert bench.snapshot() == before


@pytest.mark.parametrize("step", ["fire", "fire known", "schedule"])
def test_a_tick_is_refused_and_stays_due(bench: Bench, step: str) -> None:
    act = STEPS[step](bench)
    fill(bench)
    before = bench.snapshot()
    with pytest.raises(StoreRefused, match="its memory is full"):
        act()
    assert bench.snapshot() == before


def test_the_first_job_of_a_queue_is_refused(bench: Bench) -> None:
    fill(bench)
    with pytest.raises(StoreRefused, match="its memory is full"):
        bench.put("a")
    assert (bench.snapshot(), bench.reader.queues()) == ({}, [])


@pytest.mark.parametrize("step", DRAINING)
def test_a_step_that_adds_no_job_does_what_it_always_does(bench: Bench, step: str) -> None:
    STEPS[step](Bench(bench.app))()
    expected = bench.snapshot(times=False)
    bench.ask("FLUSHALL")
    act = STEPS[step](bench)
    fill(bench)
    act()
    assert bench.snapshot(times=False) == expected


def test_a_queue_can_be_drained(bench: Bench) -> None:
    bench.put("a", "b", "c", "d", "e")
    fill(bench)
    bench.open("s", "t")
    cut_off = bench.take("t")
    bench.complete(bench.take("s"), slot="s")
    bench.apply(bench.take("s"), RETRY)
    bench.apply(bench.take("s"), FAIL)
    bench.apply(bench.take("s"), RELEASE)
    bench.recover("t", cut_off)
    assert (bench.pending, bench.store.beat("q", "r", {"s": "{}", "t": "{}"})) == (["a", "e"], ["t"])
    assert bench.counts() == {"pending": 2, "delayed": 1, "failed": 1, "enqueued": 5, "completed": 1}


def test_waiting_is_refused_and_moves_nothing(bench: Bench) -> None:
    bench.put("a")
    bench.open("s")
    fill(bench)
    with pytest.raises(StoreRefused, match="its memory is full"):
        bench.store.wait("q", "s", 1.0, None)
    assert (bench.pending, bench.take().id) == (["a"], "a")


def test_reading_goes_on(bench: Bench) -> None:
    bench.fail("a")
    bench.put("b")
    fill(bench)
    assert (bench.counts(), bench.pending, bench.record("a").place) == ({"pending": 1, "failed": 1, "enqueued": 2}, ["b"], "failed")
