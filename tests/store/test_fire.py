"""fire, schedule, unschedule: one job a tick, however many runners ask for it; a schedule fires from its first record on."""

from __future__ import annotations

import threading

import pytest

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.schedule import Recorded
from tests.conftest import on_servers
from tests.store.kit import BODY, HEADER, Bench

WORKER, TEXT = "app:Daily", "UTC 0 7 * * *"
TICK = 1_795_413_600_000


def fire(bench: Bench, job_id: str = "a", tick: int = TICK, text: str = TEXT) -> str:
    return bench.store.fire("q", WORKER, tick, text, NewJob(job_id, HEADER, BODY))


def records(bench: Bench) -> dict[str, Recorded]:
    return bench.reader.schedules("q")[1]


@on_servers
def test_a_tick_becomes_a_job_and_is_recorded(bench: Bench) -> None:
    bench.put("first")
    expected = bench.snapshot()
    assert fire(bench) == "fired"
    expected["bodies"][b"a"], expected["pending"] = BODY, [b"first", b"a"]
    expected["jobs"][b"a"] = b'{"seq":2,' + HEADER.encode()[1:]
    expected["counters"] = {b"enqueued": b"2", b"seq": b"2"}
    assert bench.snapshot() == {**expected, "schedules": {WORKER.encode(): f"{TICK} {TEXT}".encode()}}


@on_servers
@pytest.mark.parametrize("tick", [TICK, TICK - 1, TICK - 10**10, 0])
def test_a_tick_fires_once_and_none_before_it_any_more(bench: Bench, tick: int) -> None:
    fire(bench)
    before = bench.snapshot()
    assert (fire(bench, "b", tick), bench.snapshot()) == ("late", before)


@on_servers
def test_the_next_tick_fires(bench: Bench) -> None:
    assert [fire(bench, "a"), fire(bench, "b", TICK + 60_000, "UTC * * * * *")] == ["fired", "fired"]
    assert (bench.pending, records(bench)) == (["a", "b"], {WORKER: Recorded(TICK + 60_000, "UTC", "* * * * *")})


@on_servers
def test_of_many_runners_one_fires(bench: Bench) -> None:
    answers: list[str] = []
    together = threading.Barrier(8)

    def run() -> None:
        for number in range(20):
            together.wait(10)
            answers.append(fire(bench, f"j{number}", TICK + number))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count("fired"), answers.count("late"), bench.pending) == (20, 140, [f"j{number}" for number in range(20)])


@on_servers
def test_the_job_of_a_tick_is_claimed_as_any_other(bench: Bench) -> None:
    fire(bench)
    bench.open("s")
    claim = bench.take()
    assert (claim.id, claim.header.worker, claim.body, claim.run.attempt) == ("a", HEADER.worker, BODY, 1)


@on_servers
def test_a_tick_whose_id_is_taken_is_recorded_and_makes_no_job(bench: Bench) -> None:
    bench.put("there")
    bench.complete(bench.start("gone"))
    bench.ask("SADD", bench.keys["older"], "older")
    before = bench.snapshot()
    answers = [fire(bench, job_id, TICK + number) for number, job_id in enumerate(["there", "gone", "older"])]
    assert (answers, bench.snapshot()) == (["known"] * 3, {**before, "schedules": {WORKER.encode(): f"{TICK + 2} {TEXT}".encode()}})


@on_servers
def test_a_schedule_is_recorded_without_firing(bench: Bench) -> None:
    bench.store.schedule("q", WORKER, TICK, TEXT)
    assert bench.snapshot() == {"schedules": {WORKER.encode(): f"{TICK} {TEXT}".encode()}}
    assert [fire(bench, tick=TICK), fire(bench, tick=TICK + 1)] == ["late", "fired"]


@on_servers
@pytest.mark.parametrize(("now", "since"), [(TICK - 1, TICK), (0, TICK), (TICK, TICK), (TICK + 1, TICK + 1)])
def test_a_schedule_that_changed_never_goes_back(bench: Bench, now: int, since: int) -> None:
    fire(bench)
    bench.store.schedule("q", WORKER, now, "Europe/Stockholm 0 6 * * *")
    assert records(bench) == {WORKER: Recorded(since, "Europe/Stockholm", "0 6 * * *")}


@on_servers
@pytest.mark.parametrize(("seen", "since"), [(TICK, 5), (TICK + 1, TICK), (None, TICK)])
def test_a_schedule_goes_back_only_from_the_tick_that_the_caller_saw(bench: Bench, seen: int | None, since: int) -> None:
    fire(bench)
    for _ in range(2):
        bench.store.schedule("q", WORKER, 5, TEXT, future_ms=seen)
    assert records(bench) == {WORKER: Recorded(since, "UTC", "0 7 * * *")}


@on_servers
@pytest.mark.parametrize("junk", ["", "x", f"{TICK}", "-5 UTC * * * * *", "9" * 15 + " UTC * * * * *", b"\xff", b"\xff UTC *"])
def test_what_is_no_record_counts_as_none(bench: Bench, junk: str | bytes) -> None:
    bench.ask("HSET", bench.keys["schedules"], WORKER, junk)
    assert records(bench) == {}
    bench.store.schedule("q", WORKER, 5, TEXT)
    bench.ask("HSET", bench.keys["schedules"], WORKER, junk)
    assert (fire(bench), records(bench)) == ("fired", {WORKER: Recorded(TICK, "UTC", "0 7 * * *")})


@on_servers
def test_a_worker_without_a_schedule_is_forgotten_and_the_others_are_not(bench: Bench) -> None:
    bench.store.schedule("q", "app:Other", 5, TEXT)
    fire(bench)
    bench.store.unschedule("q", WORKER)
    assert records(bench) == {"app:Other": Recorded(5, "UTC", "0 7 * * *")}


@on_servers
def test_the_clock_that_ticks_are_compared_with_is_that_of_redis(bench: Bench) -> None:
    before, (now, _), after = (bench.ask("TIME"), bench.reader.schedules("q"), bench.ask("TIME"))
    assert int(before[0]) * 1000 + int(before[1]) // 1000 <= now <= int(after[0]) * 1000 + int(after[1]) // 1000


def test_the_same_worker_in_two_queues_has_two_schedules(app: Exqueue) -> None:
    one, other = Bench(app), Bench(app, "other")
    fire(one)
    assert (other.store.fire("other", WORKER, TICK, TEXT, NewJob("a", HEADER, BODY)), other.pending) == ("fired", ["a"])
    app.store.announce("other")
