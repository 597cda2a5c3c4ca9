"""Ways in which other job runners lost, doubled or stuck jobs, tried here; docs/history.md says which they were."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreUnavailable
from exqueue.model.job import Claim
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Policy, exponential
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.recovery import Death, Recovery
from exqueue.store.slotinfo import SlotInfo
from tests.conftest import on_servers
from tests.store.kit import FAIL, RETRY, Bench

SPECS = (WorkerSpec("app:Add", "q", 1, 3),)
YEARS_AGO_MS = 63_072_000_000


def caretaker(app: Exqueue, runner: str = "other", host: str = "there") -> Caretaker:
    return Caretaker(app.store, app.reader, Identity(runner, host, 1, 1), SPECS, 30)


def living(bench: Bench, slot: str = "s", runner: str = "r") -> None:
    """A worker process of a runner on another host."""
    info = SlotInfo(slot, runner, "here", 12, 34, 56, 78, "app:Add", "name", 30.0)
    bench.store.register("q", slot, info.encode(), runner)


@on_servers
def test_a_job_on_its_way_into_a_slot_is_never_taken_while_its_runner_beats(bench: Bench) -> None:
    bench.put("a")
    living(bench)
    bench.move("s")  # a BLMOVE whose claim is yet to come
    janitor = caretaker(bench.app)
    for second in range(300):
        bench.store.beat("q", "r", {})
        janitor.take_over(functools.partial(float, second * 10), set())
    assert (bench.reader.held("q", ["s"]), bench.pending, bench.take().id) == ({"s": ["a"]}, [], "a")


@on_servers
def test_failed_jobs_are_never_trimmed_however_many_and_however_old(bench: Bench) -> None:
    bench.put("last")
    bench.open("s")
    ids = [f"old{n}" for n in range(10_000)]
    for start in range(0, 10_000, 1000):  # what so many failures would have left, written at once
        part = ids[start : start + 1000]
        bench.ask("HSET", bench.keys["jobs"], *(word for job_id in part for word in (job_id, "{}")))
        bench.ask("HSET", bench.keys["bodies"], *(word for job_id in part for word in (job_id, "x")))
        bench.ask("ZADD", bench.keys["failed"], *(word for job_id in part for word in (bench.reader.now_ms() - YEARS_AGO_MS, job_id)))
    bench.ask("HINCRBY", bench.keys["counters"], "enqueued", 10_000)
    bench.apply(bench.take(), FAIL)
    janitor = caretaker(bench.app)
    for day in range(3):
        janitor.take_over(functools.partial(float, day * 86_400.0), set())
        janitor.sweep()
        janitor.deliver()
        janitor.promote()
    assert bench.counts() == {"failed": 10_001, "enqueued": 10_001}


@on_servers
def test_a_queue_paused_and_resumed_ten_times_during_a_job_runs_it_once(bench: Bench) -> None:
    running = bench.start("a")
    for _ in range(10):
        bench.store.pause("q")
        bench.store.resume("q")
    assert (bench.pending, bench.claim()) == ([], running)
    bench.complete(running)
    assert bench.counts() == {"enqueued": 1, "completed": 1}


@on_servers
def test_a_job_due_long_after_every_lease_is_in_no_ones_hands_and_becomes_due_once(bench: Bench) -> None:
    bench.put("a", delay_ms=86_400_000)
    runners = [caretaker(bench.app, f"r{n}") for n in range(3)]
    for hour in range(25):
        for runner in runners:
            runner.take_over(functools.partial(float, hour * 3600.0), set())
            runner.promote()
    assert (bench.counts(), bench.pending) == ({"delayed": 1, "enqueued": 1}, [])
    bench.make_due("a")
    for runner in runners:
        runner.promote()
    assert bench.pending == ["a"]


@pytest.mark.parametrize("died", [None, -9])
@on_servers
def test_a_recovery_cut_off_at_any_request_is_ended_by_the_next(bench: Bench, monkeypatch: pytest.MonkeyPatch, died: int | None) -> None:
    requests = 0
    for last in range(20):
        if left_over := bench.ask("KEYS", f"{bench.app.settings.namespace}:*"):
            bench.ask("DEL", *left_over)
        bench.start("a", "b")
        with monkeypatch.context() as patch:
            left = iter(range(last))

            def counted(call: Any, left: Any = left) -> Any:
                def ask(*args: Any) -> Any:
                    if next(left, None) is None:
                        raise StoreUnavailable("killed here")
                    return call(*args)

                return ask

            patch.setattr(bench.channel, "ask", counted(bench.channel.ask))
            patch.setattr(bench.channel, "run", counted(bench.channel.run))
            try:
                Recovery(bench.store, bench.reader, SPECS).take_back("q", Death("s", "r", "here", died))
            except StoreUnavailable:
                requests += 1
        Recovery(bench.store, bench.reader, SPECS).take_back("q", Death("s", "r", "here", died))
        assert (bench.pending, bench.spent("a")) == (["a", "b"], (1, 0, 1))
    assert 0 < requests < 20  # there were some to be killed at, and none was missed


@on_servers
def test_a_unique_name_is_held_by_a_job_that_is_there_also_when_all_that_is_known_of_its_process_is_gone(bench: Bench) -> None:
    bench.put("a", unique="name")
    bench.open("s")
    running = bench.take()
    bench.ask("DEL", bench.keys["slots"], bench.keys["beats"])
    assert bench.known("b", unique="name") == "a"
    bench.recover("s", running)
    bench.open("t")
    bench.complete(bench.take("t"), slot="t")
    assert bench.known("b", unique="name") == ""


@on_servers
def test_a_thousand_jobs_behind_a_blocked_key_hold_up_no_other_job(bench: Bench) -> None:
    bench.put(*(f"k{n}" for n in range(1000)), key="k")
    bench.put("urgent", key="k", priority=9)
    bench.put("other", priority=-9)
    bench.open("s")
    bench.apply(bench.take(), FAIL)
    first = bench.take()
    assert (first.id, bench.counts()["waiting"]) == ("other", 1000)
    bench.complete(first)
    bench.store.requeue("q", ["k0"])
    bench.complete(bench.take())
    assert bench.take().id == "k1"  # a priority never breaks the order of a key


@on_servers
def test_the_history_of_a_job_only_grows(bench: Bench) -> None:
    bench.put("a")
    bench.open("s")
    lengths = []
    for verdict in (RETRY, FAIL, RETRY, FAIL):
        claim = bench.take()
        assert isinstance(claim, Claim)
        bench.apply(claim, verdict)
        if verdict == FAIL:
            bench.store.requeue("q", ["a"])
        else:
            bench.make_due("a")
            bench.store.promote("q")
        lengths.append(len(bench.record("a").errors))
    assert (lengths, bench.ids(Place.PENDING)) == ([1, 2, 3, 4], ["a"])


def test_five_thousand_failures_at_once_are_not_retried_at_once() -> None:
    policy = Policy(backoff=exponential(30, jitter=0.25))
    waits = sorted(policy.delay(1, number / 5000) for number in range(5000))
    assert (waits[0], len(set(waits)), waits[-1] - waits[0] > 0.2 * 30) == (30, 5000, True)
