"""Ordering keys: one job of a key at a time, in order; a job that fails for good holds up what is behind it."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from exqueue.model.chain import NewJob
from exqueue.model.job import Terms
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail, Recover
from exqueue.store.reads import BlockedKey
from exqueue.store.replies import Empty
from tests.conftest import on_servers
from tests.store.kit import BODY, CRASH, FAIL, HEADER, RELEASE, RETRY, SNOOZE, Bench


@pytest.fixture
def keyed(bench: Bench) -> Bench:
    """a1, a2, a3 of key a, b1, b2 of key b, p of none; three slots."""
    for job_id in ("a1", "b1", "a2", "p", "b2", "a3"):
        bench.put(job_id, key="" if job_id == "p" else job_id[0])
    bench.open("s", "t", "u")
    return bench


def run(bench: Bench, slot: str = "s") -> str:
    """Let the next job succeed; its id, empty if there is none to claim."""
    claim = bench.store.claim("q", slot, f"{slot}/{next(bench.numbers)}")
    if isinstance(claim, Empty):
        return ""
    bench.complete(claim, slot=slot)  # type: ignore[arg-type]
    return claim.id  # type: ignore[union-attr]


def run_all(bench: Bench) -> list[str]:
    """Let all succeed that can; their ids, in the order of their starts."""
    return list(iter(lambda: run(bench), ""))


@on_servers
def test_the_heads_are_ready_and_the_others_wait(keyed: Bench) -> None:
    assert (keyed.pending, keyed.ids(Place.WAITING)) == (["a1", "b1", "p"], ["a2", "a3", "b2"])


@on_servers
def test_each_key_is_run_in_order_and_the_line_in_the_order_of_enqueueing(keyed: Bench) -> None:
    assert (run_all(keyed), keyed.counts()) == (["a1", "b1", "a2", "p", "b2", "a3"], {"enqueued": 6, "completed": 6})


@on_servers
def test_no_two_jobs_of_a_key_run_at_once(keyed: Bench) -> None:
    held = [keyed.take(slot).id for slot in "stu"]
    keyed.open("v")
    assert (held, keyed.store.claim("q", "v", "v/1")) == (["a1", "b1", "p"], Empty())


@on_servers
@pytest.mark.parametrize("verdict", [RETRY, SNOOZE, RELEASE])
def test_a_job_that_will_run_again_holds_its_key(keyed: Bench, verdict: object) -> None:
    keyed.apply(keyed.take(), verdict)  # type: ignore[arg-type]
    keyed.make_due(*keyed.ids(Place.DELAYED))
    keyed.store.promote("q")
    assert run_all(keyed) == ["a1", "b1", "a2", "p", "b2", "a3"]


@on_servers
def test_between_its_attempts_other_keys_flow(keyed: Bench) -> None:
    keyed.apply(keyed.take(), RETRY)
    assert (run_all(keyed), keyed.ids(Place.WAITING)) == (["b1", "p", "b2"], ["a2", "a3"])


@on_servers
def test_a_crash_leaves_it_at_the_head(keyed: Bench) -> None:
    keyed.recover("s", keyed.take(), Recover(CRASH))
    keyed.open("v")
    assert (keyed.take("v").id, keyed.ids(Place.WAITING)) == ("a1", ["a2", "a3", "b2"])


@on_servers
def test_a_job_that_fails_for_good_blocks_its_key(keyed: Bench) -> None:
    keyed.apply(keyed.take(), FAIL)
    blocked = keyed.reader.blocked("q")
    assert blocked == [BlockedKey("q", "a", "a1", blocked[0].since, 2)]
    assert (run_all(keyed), keyed.counts()) == (
        ["b1", "p", "b2"], {"waiting": 2, "failed": 1, "enqueued": 6, "completed": 3, "blocked": 1},
    )  # fmt: skip


@on_servers
def test_a_job_that_crashes_too_often_blocks_its_key_too(keyed: Bench) -> None:
    keyed.recover("s", keyed.take(), Fail(CRASH))
    assert ([key.head for key in keyed.reader.blocked("q")], run_all_in(keyed, "t")) == (["a1"], ["b1", "p", "b2"])


def run_all_in(bench: Bench, slot: str) -> list[str]:
    return list(iter(lambda: run(bench, slot), ""))


@on_servers
def test_a_requeued_head_runs_first_and_at_its_old_place(keyed: Bench) -> None:
    keyed.apply(keyed.take(), FAIL)
    keyed.store.requeue("q", ["a1"])
    assert (keyed.reader.blocked("q"), run_all(keyed)) == ([], ["a1", "b1", "a2", "p", "b2", "a3"])


@on_servers
def test_a_skipped_head_stays_failed_and_its_key_goes_on(keyed: Bench) -> None:
    keyed.apply(keyed.take(), FAIL)
    assert keyed.store.skip("q", ["a1", "b1"]) == 1
    assert (run_all(keyed), keyed.ids(Place.FAILED), keyed.reader.blocked("q")) == (["b1", "a2", "p", "b2", "a3"], ["a1"], [])


@on_servers
def test_a_skipped_job_that_is_requeued_runs_before_those_that_have_not_begun(keyed: Bench) -> None:
    keyed.apply(keyed.take(), FAIL)
    keyed.store.skip("q", ["a1"])
    keyed.store.requeue("q", ["a1"])
    assert run_all(keyed) == ["a1", "b1", "a2", "p", "b2", "a3"]


@on_servers
def test_a_skipped_job_that_is_requeued_waits_for_the_one_that_runs(keyed: Bench) -> None:
    keyed.apply(keyed.take(), FAIL)
    keyed.store.skip("q", ["a1"])
    running = {slot: keyed.take(slot).id for slot in "st"}
    keyed.store.requeue("q", ["a1"])
    assert (running, keyed.ids(Place.WAITING)) == ({"s": "b1", "t": "a2"}, ["a1", "a3", "b2"])
    assert run_all_in(keyed, "u") == ["p"]


@on_servers
def test_a_deleted_head_lets_its_key_go_on(keyed: Bench) -> None:
    keyed.apply(keyed.take(), FAIL)
    keyed.store.delete("q", ["a1"])
    assert (run_all(keyed), keyed.counts()) == (["b1", "a2", "p", "b2", "a3"], {"enqueued": 6, "completed": 5, "deleted": 1})


@on_servers
@pytest.mark.parametrize("victim", ["a1", "a2", "a3"])
def test_a_cancelled_job_is_gone_wherever_it_stands(keyed: Bench, victim: str) -> None:
    keyed.store.cancel("q", [victim])
    assert run_all(keyed) == [job_id for job_id in ["a1", "b1", "a2", "p", "b2", "a3"] if job_id != victim]


@on_servers
def test_a_cancelled_job_that_waits_sets_none_of_its_key_free(keyed: Bench) -> None:
    keyed.store.cancel("q", ["a2"])
    assert (keyed.pending, keyed.ids(Place.WAITING)) == (["a1", "b1", "p"], ["a3", "b2"])


@on_servers
def test_a_head_that_waits_for_its_retry_can_be_cancelled(keyed: Bench) -> None:
    keyed.apply(keyed.take(), RETRY)
    keyed.store.cancel("q", ["a1"])
    assert run_all(keyed) == ["b1", "a2", "p", "b2", "a3"]


@on_servers
@pytest.mark.parametrize("order", [*permutations(["a1", "a2", "a3"])], ids="-".join)
def test_requeued_in_any_order_they_run_in_the_order_they_were_enqueued(bench: Bench, order: tuple[str, ...]) -> None:
    bench.put("a1", "a2", "a3", key="a", blocks=False)
    bench.put("later", key="a", blocks=False)
    bench.open("s")
    for _ in range(3):
        bench.apply(bench.take(), FAIL)
    for job_id in order:
        bench.store.requeue("q", [job_id])
    assert run_all(bench) == ["a1", "a2", "a3", "later"]


@on_servers
@pytest.mark.parametrize("order", [*permutations(["a1", "a2"])], ids="-".join)
def test_one_that_was_skipped_and_one_that_blocks_run_in_their_order_too(bench: Bench, order: tuple[str, ...]) -> None:
    bench.put("a1", "a2", "a3", key="a")
    bench.open("s")
    bench.apply(bench.take(), FAIL)
    bench.store.skip("q", ["a1"])
    bench.apply(bench.take(), FAIL)
    for job_id in order:
        bench.store.requeue("q", [job_id])
    assert run_all(bench) == ["a1", "a2", "a3"]


@on_servers
def test_of_those_that_wait_the_oldest_takes_the_place_of_one_that_gives_way(bench: Bench) -> None:
    bench.put("a1", "a2", "a3", key="a", blocks=False)
    bench.open("s", "t")
    for _ in range(2):
        bench.apply(bench.take(), FAIL)
    running = bench.take("t")
    bench.store.requeue("q", ["a1"])
    bench.apply(running, RELEASE, "t")
    bench.store.requeue("q", ["a2"])
    assert run_all(bench) == ["a1", "a2", "a3"]


@on_servers
def test_a_key_that_does_not_block_goes_on(bench: Bench) -> None:
    bench.put("a1", "a2", key="a", blocks=False)
    bench.open("s")
    bench.apply(bench.take(), FAIL)
    assert (run_all(bench), bench.ids(Place.FAILED), bench.reader.blocked("q")) == (["a2"], ["a1"], [])


@on_servers
def test_a_job_for_later_joins_its_key_when_it_is_due(bench: Bench) -> None:
    bench.put("late", key="a", delay_ms=60_000)
    bench.put("a1", "a2", key="a")
    bench.make_due("late")
    bench.store.promote("q")
    bench.open("s")
    assert run_all(bench) == ["a1", "a2", "late"]


@on_servers
def test_a_job_for_later_that_is_due_alone_is_at_the_head(bench: Bench) -> None:
    bench.put("late", "later", key="a", delay_ms=60_000)
    bench.make_due("late")
    bench.store.promote("q")
    bench.open("s")
    assert (run_all(bench), bench.ids(Place.DELAYED)) == (["late"], ["later"])


@on_servers
def test_keys_leave_nothing_behind(keyed: Bench) -> None:
    run_all(keyed)
    assert set(keyed.snapshot()) == {"beats", "counters", "recent", "settled", "slots"}


@on_servers
def test_keys_that_begin_alike_do_not_meet(bench: Bench) -> None:
    for key in ("a", "a-", "a/", "ab", "ä"):
        bench.put(f"{key}1", f"{key}2", key=key)
    bench.open("s")
    bench.apply(bench.take(), FAIL)
    assert run_all(bench) == ["a-1", "a-2", "a/1", "a/2", "ab1", "ab2", "ä1", "ä2"]


@pytest.mark.parametrize("channel", ["embedded", "redis"], indirect=True)
def test_no_step_looks_at_more_the_more_keys_there_are(bench: Bench) -> None:
    bench.open("s")
    asked = []
    for round_, others in enumerate((2, 2, 2000)):  # in the first round the server is told the scripts
        jobs = [NewJob(f"{round_}-{n}", HEADER, BODY, Terms(key=f"k{n}", blocks=True).encode()) for n in range(others)]
        bench.store.enqueue("q", jobs)
        bench.store.enqueue("q", [replace(job, id=f"{job.id}-behind") for job in jobs])
        before = commands(bench)
        bench.put(f"{round_}-last", key="k0", priority=5)
        bench.complete(bench.take())
        asked.append(commands(bench) - before)
        run_all(bench)
    assert asked[1] == asked[2]


def commands(bench: Bench) -> int:
    """How many commands the server has carried out, those of scripts included."""
    rows = bench.ask("INFO", "commandstats").decode().splitlines()
    return sum(int(row.split("calls=")[1].split(",")[0]) for row in rows if "calls=" in row and not row.startswith("cmdstat_info"))
