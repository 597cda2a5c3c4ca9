"""Jobs run when the test says so, as in a worker process: one, or all that are ready, and what became of them is told."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import pytest

from exqueue import Worker, call, enqueue, enqueue_many, secret
from exqueue.model import outcome as o
from exqueue.model import policy as verdicts
from exqueue.model.errors import CannotLoad
from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from exqueue.model.settings import Settings
from exqueue.model.signing import Keys
from exqueue.testing import TestApp
from tests.testing.workers import Kept, Later, Nesting, Note, Ordered, Slow, Troubled, Watched

Done = list[object]


def shown(app: TestApp, **options: Any) -> list[str]:
    return [repr(ran) for ran in app.drain(**options)]


def test_one_job_is_run_and_what_became_of_it_told(exqueue_app: TestApp, done: Done) -> None:
    first, _ = enqueue_many(Note, [call("a"), call("b")])
    ran = exqueue_app.run_one()
    assert (ran.id, ran.queue, ran.worker, ran.args, ran.attempt) == (first.id, "Note", "tests.testing.workers:Note", "'a'", 1)
    assert (ran.outcome, ran.verdict, ran.place, ran.error) == (o.Returned("a"), verdicts.Complete(), Place.NONE, None)
    assert (done, exqueue_app.queue(Note).counts()) == (["a"], Counts(pending=1, enqueued=2, completed=1))


def test_a_job_that_is_to_run_must_be_ready(exqueue_app: TestApp) -> None:
    enqueue(Note.options(delay=60), "a")
    enqueue(Note.options(priority=1), "b")
    exqueue_app.store.pause("Note")
    with pytest.raises(AssertionError) as raised:
        exqueue_app.run_one()
    assert str(raised.value).splitlines() == [
        "no job is ready to run; there are:", "  Note is paused", "  pending     Note('b')", "  delayed     Note('a'), due in 1 min",
    ]  # fmt: skip


def test_of_several_queues_the_first_by_name_is_served(exqueue_app: TestApp, done: Done) -> None:
    enqueue(Note, "second")
    enqueue(Later, "first")
    exqueue_app.drain()
    assert done == ["first", "second"]


@pytest.mark.parametrize("target", [Note, "Note"])
def test_only_the_queue_that_is_named_is_served(exqueue_app: TestApp, done: Done, target: Any) -> None:
    enqueue(Note, "a")
    enqueue(Later, "b")
    exqueue_app.run_one(target)
    assert (done, exqueue_app.drain(target)) == (["a"], [])


def test_a_drain_runs_what_its_jobs_enqueue_and_follow_with(exqueue_app: TestApp, done: Done) -> None:
    enqueue(Nesting, 1)
    enqueue(Note.options(then=[Later.options(delay=5).call("follows")]), "first")
    assert shown(exqueue_app) == [
        "<Ran Nesting(1), attempt 1: Returned, now gone>", "<Ran Nesting(0), attempt 1: Returned, now gone>",
        "<Ran Note('first'), attempt 1: Returned, now gone>",
    ]  # fmt: skip
    exqueue_app.advance(5)
    assert (shown(exqueue_app), done[-1]) == (["<Ran Later('follows'), attempt 1: Returned, now gone>"], "follows")


def test_a_drain_that_does_not_end_is_ended(exqueue_app: TestApp) -> None:
    enqueue(Nesting, 5)
    with pytest.raises(AssertionError, match=r"^more than 3 starts, the last: <Ran Nesting\(2\).*; does a job enqueue itself\?"):
        exqueue_app.drain(limit=3)
    assert len(exqueue_app.drain(limit=2)) == 2


def test_jobs_of_a_key_run_in_order_up_to_one_that_blocks_it(exqueue_app: TestApp, done: Done) -> None:
    for word in ("a", "bad", "behind"):
        enqueue(Ordered.options(key="k"), word)
    enqueue(Ordered.options(key="other"), "flows")
    ran = exqueue_app.drain()
    assert (done, [one.place for one in ran]) == (["a", "bad", "flows"], [Place.NONE, Place.FAILED, Place.NONE])
    assert exqueue_app.queue(Ordered).counts() == Counts(waiting=1, failed=1, enqueued=4, completed=2, blocked=1)


@pytest.mark.parametrize(
    ("how", "starts"),
    [
        ("error", ["Raised, ValueError: no such customer, now delayed"] * 2 + ["Raised, ValueError: no such customer, now failed"]),
        ("retry", ["AskedRetry, exqueue.model.steer.Retry: asked to be retried, now delayed"] * 2
         + ["AskedRetry, exqueue.model.steer.Retry: asked to be retried, now failed"]),
        ("snooze", ["AskedSnooze, now delayed", "Returned, now gone"]),
        ("reject", ["Rejected, exqueue.model.steer.Reject: never, now failed"]),
        ("exit", ["Raised, SystemExit: 3, now delayed"] * 2 + ["Raised, SystemExit: 3, now failed"]),
    ],
)  # fmt: skip
def test_each_end_of_a_job_is_settled_as_by_a_worker_process(exqueue_app: TestApp, how: str, starts: list[str]) -> None:
    enqueue(Troubled, how)
    told = [f"<Ran Troubled('{how}'), attempt {number}: {start}>" for number, start in enumerate(starts, 1)]
    assert shown(exqueue_app, with_delayed=True) == told


def test_middleware_and_callbacks_are_called(exqueue_app: TestApp, done: Done) -> None:
    enqueue(Watched)
    exqueue_app.drain()
    enqueue(Watched, fail=True)
    exqueue_app.drain(with_delayed=True)
    assert done == ["before 1", "after", "success result", "before 1", "after", "error no", "before 2", "after", "failure no"]


def test_a_job_gets_copies_of_its_arguments(exqueue_app: TestApp) -> None:
    seen: list[object] = []

    class Local(Worker):
        rate = "1/day"

        def perform(self, value: list[object]) -> None:
            value.append(1)
            seen.append(1)

    given: list[object] = []
    enqueue(Local, given)
    enqueue(Local, given)
    assert ([one.place for one in exqueue_app.drain()], given, seen) == ([Place.NONE], [], [])


def test_an_exception_escapes_only_if_that_is_wanted_and_then_it_is_the_jobs_own(exqueue_app: TestApp) -> None:
    enqueue_many(Troubled, [call("snooze"), call("error"), call("reject")])
    assert exqueue_app.run_one(raising=True).place == Place.DELAYED
    with pytest.raises(ValueError, match="no such customer") as raised:
        exqueue_app.drain(raising=True)
    assert raised.traceback[-1].name == "perform"
    assert exqueue_app.queue(Troubled).counts() == Counts(pending=1, delayed=2, enqueued=3)


def test_a_job_that_cannot_be_loaded_can_raise_too(exqueue_app: TestApp) -> None:
    job = enqueue(Note, "a")
    exqueue_app.channel.ask([("HSET", exqueue_app.store.keys("Note")["bodies"], job.id, b"\x01nothing")])
    with pytest.raises(CannotLoad, match="cannot be unpickled"):
        exqueue_app.run_one(raising=True)
    assert job.state() == Place.FAILED


@pytest.mark.parametrize("error", [KeyboardInterrupt, pytest.fail.Exception, pytest.skip.Exception, pytest.exit.Exception])
def test_what_is_meant_for_the_test_always_escapes_once_the_job_is_settled(
    exqueue_app: TestApp, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def perform(self: Note, word: str) -> None:
        raise error(word)

    monkeypatch.setattr(Note, "perform", perform)
    job = enqueue(Note, "a")
    with pytest.raises(error):
        exqueue_app.drain()
    assert job.state() == Place.DELAYED


def test_limits_hold(exqueue_app: TestApp, done: Done) -> None:
    enqueue_many(Slow, [call(word) for word in "abc"])
    exqueue_app.drain()
    assert done == ["a", "b"]


def test_a_limit_is_that_of_the_workers_own_queue(exqueue_app: TestApp) -> None:
    enqueue_many(Slow.options(queue="Note"), [call(word) for word in "abc"])
    enqueue(Note, "d")
    assert len(exqueue_app.drain()) == 4


def test_an_app_with_keys_signs_and_finds_its_jobs_by_what_they_carry(done: Done) -> None:
    keys = Keys.parse("the only key of this test")
    app = TestApp(Settings(url="fakeredis:", namespace="test", signing_keys=keys))
    app.enqueue(Kept, secret("word"))
    app.assert_enqueued(Kept, "word")
    assert (app.run_one().place, app.broken()) == (Place.DONE, [])
    app.close()


def test_a_result_is_kept(exqueue_app: TestApp) -> None:
    job = enqueue(Kept, "word")
    assert (exqueue_app.run_one().place, exqueue_app.reader.result("Kept", job.id)) == (Place.DONE, b'\x11"WORD"')


def test_async_jobs_run_also_where_the_test_runs_a_loop(exqueue_app: TestApp, done: Done) -> None:
    async def test() -> None:
        enqueue(Later, "a")
        exqueue_app.run_one(raising=True)

    asyncio.run(test())
    assert done == ["a"]


def test_a_process_that_a_job_forks_and_forgets_ends_there(exqueue_app: TestApp, monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    monkeypatch.setattr(Note, "perform", lambda self, word: pids.append(os.fork()))
    enqueue(Note, "a")
    exqueue_app.run_one()
    assert os.waitpid(pids[0], 0) == (pids[0], 0)


def test_jobs_that_threads_run_at_once_do_not_get_into_each_others_slot(exqueue_app: TestApp, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=10)
    monkeypatch.setattr(Note, "perform", lambda self, word: both.wait() and None)
    enqueue_many(Note, [call("a"), call("b")])
    threads = [threading.Thread(target=exqueue_app.run_one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert exqueue_app.queue(Note).counts() == Counts(enqueued=2, completed=2)


def test_a_queue_is_served_again_after_everything_was_flushed(exqueue_app: TestApp, done: Done) -> None:
    enqueue(Note, "a")
    exqueue_app.drain()
    exqueue_app.channel.ask([("FLUSHALL",)])
    enqueue(Note, "b")
    exqueue_app.drain()
    assert done == ["a", "b"]
