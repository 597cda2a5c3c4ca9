"""How often a job was started, has failed, has crashed; and the errors it has met."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exqueue.model.policy import Fail, Recover, Retry
from tests.conftest import on_servers
from tests.store.kit import CRASH, ERROR, FAIL, RELEASE, RETRY, SNOOZE, UNSPENT, Bench

SPENT = {"retry": (RETRY, (1, 1, 0)), "snooze": (SNOOZE, (1, 0, 0)), "release": (RELEASE, (0, 0, 0)),
         "fail": (FAIL, (1, 1, 0)), "fail unspent": (UNSPENT, (0, 0, 0))}  # fmt: skip


def start_again(bench: Bench) -> None:
    """Let the job stand in line again, wherever it went."""
    bench.make_due("a") if bench.record("a").place == "delayed" else bench.store.requeue("q", ["a"])
    bench.store.promote("q")


@on_servers
@pytest.mark.parametrize(("verdict", "spent"), SPENT.values(), ids=SPENT)
def test_what_a_settled_start_has_spent(bench: Bench, verdict: Retry, spent: tuple[int, int, int]) -> None:
    bench.apply(bench.start("a"), verdict)
    assert bench.spent("a") == spent


@on_servers
@pytest.mark.parametrize(
    ("verdict", "spent"), [(RETRY, (3, 2, 0)), (SNOOZE, (3, 0, 0)), (RELEASE, (1, 0, 0)), (FAIL, (3, 0, 0)), (UNSPENT, (1, 0, 0))]
)
def test_the_third_start_knows_of_the_first_two(bench: Bench, verdict: Retry, spent: tuple[int, int, int]) -> None:
    bench.put("a")
    bench.open("s")
    for _ in range(2):
        bench.apply(bench.take(), verdict)
        start_again(bench)
    run = bench.take().run
    assert (run.attempt, run.failures, run.crashes) == spent


@on_servers
def test_a_crash_counts_as_a_start_and_as_a_crash_but_not_as_a_failure(bench: Bench) -> None:
    bench.put("a")
    for slot in "stu":
        bench.open(slot)
        bench.recover(slot, bench.take(slot), Recover(CRASH))
    assert (bench.spent("a"), bench.record("a").errors) == ((3, 0, 3), (CRASH,) * 3)
    assert bench.snapshot()["counters"][b"crashed"] == b"3"


@on_servers
def test_the_last_crash_is_counted_too(bench: Bench) -> None:
    bench.recover("s", bench.start("a"), Fail(CRASH))
    assert (bench.spent("a"), bench.record("a").errors, bench.counts()) == ((1, 0, 1), (CRASH,), {"failed": 1, "enqueued": 1})


@on_servers
def test_a_job_that_was_moved_but_never_claimed_did_not_run(bench: Bench) -> None:
    bench.put("a")
    bench.open("s")
    bench.move("s")
    bench.recover("s")
    assert (bench.spent("a"), bench.record("a").errors, bench.snapshot()["counters"]) == (
        (0, 0, 0), (), {b"enqueued": b"1", b"seq": b"1"},
    )  # fmt: skip


@on_servers
def test_a_requeue_forgives_failures_and_crashes(bench: Bench) -> None:
    bench.recover("s", bench.start("a"), Recover(CRASH))
    bench.open("t")
    bench.apply(bench.take("t"), FAIL, "t")
    assert bench.spent("a") == (2, 1, 1)
    bench.store.requeue("q", ["a"])
    assert (bench.spent("a"), bench.record("a").errors) == ((2, 0, 0), (CRASH, ERROR))


@on_servers
def test_the_errors_of_all_attempts_are_kept_in_their_order(bench: Bench) -> None:
    errors = tuple(replace(ERROR, attempt=attempt, message=f"line\nof {attempt} \x1b[2J") for attempt in (1, 2, 3))
    bench.put("a")
    bench.open("s")
    for error in errors:
        bench.apply(bench.take(), Retry(60, error))
        start_again(bench)
    assert (bench.record("a").errors, bench.reader.last_errors("q", ["a", "b"])) == (errors, [errors[-1], None])


@on_servers
@pytest.mark.parametrize(("size", "kept"), [(100_000, 2), (1_000, 8), (261_000, 1), (300_000, 1)])
def test_of_a_long_history_only_whole_entries_are_kept(bench: Bench, size: int, kept: int) -> None:
    errors = tuple(replace(ERROR, attempt=attempt, traceback=str(attempt) * size) for attempt in range(1, 9))
    bench.put("a")
    bench.open("s")
    for error in errors:
        bench.apply(bench.take(), Retry(60, error))
        start_again(bench)
    assert [error.attempt for error in bench.record("a").errors] == [*range(9 - kept, 9)]
    assert bench.record("a").errors == errors[-kept:]


@on_servers
def test_an_error_that_fills_the_history_to_the_last_byte_is_kept(bench: Bench) -> None:
    exact = replace(ERROR, traceback="x" * (262_144 - len(replace(ERROR, traceback="").encode())))
    bench.apply(bench.start("a"), Fail(exact))
    assert bench.record("a").errors == (exact,)
