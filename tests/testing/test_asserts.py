"""Claims about jobs: true ones give the jobs, wrong ones say what there is, and those that can never be true are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from exqueue import Exqueue, Worker, call, enqueue, enqueue_many
from exqueue.default import Default
from exqueue.model.errors import BadArguments, ConfigError
from exqueue.testing import TestApp, assert_enqueued, assert_failed, refute_enqueued
from tests.testing.workers import Counting, Later, Note, Ordered, Troubled


@pytest.fixture
def jobs(exqueue_app: TestApp) -> TestApp:
    """Jobs in all places."""
    enqueue(Ordered.options(key="k"), "bad")
    enqueue(Ordered.options(key="k"), "behind")
    exqueue_app.drain()
    enqueue(Note.options(priority=3, id="first"), {"a": [1]}, loud=True)
    enqueue(Note.options(unique="one"), {"a": [1]}, loud=False)
    enqueue(Note.options(delay=60), 2)
    enqueue(Note.options(queue="elsewhere"), 3)
    enqueue(Later, "x")
    return exqueue_app


THERE = """\
there are:
  pending     Later('x')
  pending     Note({'a': [1]}, loud=True)
  pending     Note({'a': [1]}, loud=False)
  pending     Note(3)
  delayed     Note(2), due in 1 min
  waiting     Ordered('behind'), key k
  failed      Ordered('bad'), key k, ValueError: bad"""


@pytest.mark.parametrize(
    ("worker", "arguments", "count"),
    [
        (Note, call({"a": [1]}), 1),
        (Note, call({"a": [1]}, loud=False), 1),
        (Note, call(word={"a": [1]}, loud=True), 1),
        (Note, call(ANY, loud=ANY), 4),
        (Note.options(queue="elsewhere"), call(ANY), 1),
        (Note.options(id="first"), call(ANY, loud=ANY), 1),
        (Note.options(priority=3), call(ANY, loud=ANY), 1),
        (Note.options(priority=0), call(ANY, loud=ANY), 3),
        (Note.options(unique="one"), call(ANY), 1),
        (Note.options(delay=60), call(2), 1),
        (Note.options(delay=timedelta(seconds=60.5)), call(2), 1),
        (Note.options(delay=62), call(2), 0),
        (Note.options(delay=60), call(3), 0),
        (Ordered.options(key="k"), call("behind"), 1),
        (Ordered.options(key="other"), call("behind"), 0),
        (Ordered, call("bad"), 0),
        (Later, call("y"), 0),
    ],
)
def test_arguments_and_options_are_compared(jobs: TestApp, worker: Any, arguments: Any, count: int) -> None:
    found = assert_enqueued(worker, arguments, count=count)
    assert (len(found), jobs.assert_enqueued(worker, *arguments.args, count=count, **arguments.kwargs)) == (count, found)


def test_no_arguments_stand_for_any_and_an_empty_call_for_none(exqueue_app: TestApp) -> None:
    class Local(Worker):
        def perform(self, word: str = "default") -> None:
            pass

    enqueue_many(Local, [call(), call("a")])
    assert (len(assert_enqueued(Local)), len(assert_enqueued(Local, call()))) == (2, 1)


def test_at_is_compared_to_the_second(jobs: TestApp) -> None:
    assert_enqueued(Note.options(at=jobs.now + timedelta(seconds=59)), 2)
    refute_enqueued(Note.options(at=jobs.now + timedelta(seconds=58)), 2)


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (lambda: assert_enqueued(Note, 4, loud=True), "no job of Note with (4, loud=True) is enqueued; "),
        (lambda: assert_enqueued(Note.options(delay=5), 2), "no job of Note with (2), delay=5 is enqueued; "),
        (lambda: assert_enqueued(Ordered, key="j"), "no job of Ordered, key='j' is enqueued; "),
        (lambda: assert_enqueued(Note, ANY, count=1), "3 jobs of Note with (<unittest.mock._ANY>) are enqueued, not 1; "),
        (lambda: refute_enqueued(Note, 3), "1 job of Note with (3) is enqueued, but none should be; "),
        (lambda: assert_failed(Ordered, "behind"), "no job of Ordered with ('behind') is in failed; "),
        (lambda: assert_failed(Ordered, error="good"), "no job of Ordered whose error has 'good' is in failed; "),
        (lambda: assert_failed(Ordered, key="k", count=2), "1 job of Ordered, key='k' is in failed, not 2; "),
    ],
)  # fmt: skip
def test_a_wrong_claim_says_what_there_is(jobs: TestApp, claim: Any, message: str) -> None:
    with pytest.raises(AssertionError) as raised:
        claim()
    assert str(raised.value) == message + THERE


def test_a_claim_about_nothing_says_so(exqueue_app: TestApp) -> None:
    with pytest.raises(AssertionError, match=r"^no job of Note is enqueued; there are no jobs$"):
        assert_enqueued(Note)


def test_what_there_is_is_told_without_end_only_up_to_twenty_lines(exqueue_app: TestApp) -> None:
    enqueue_many(Note, [call(number) for number in range(23)])
    with pytest.raises(AssertionError, match=r"pending     Note\(19\)\n  … and 3 more$"):
        assert_enqueued(Later)


def test_what_stands_in_redis_cannot_forge_lines(exqueue_app: TestApp) -> None:
    job = enqueue(Note, "a")
    header = r'{"seq":1,"worker":"m:\u001b[2J\n","args":"\n  failed      Note(1)"}'
    exqueue_app.channel.ask([("HSET", exqueue_app.store.keys("Note")["jobs"], job.id, header)])
    with pytest.raises(AssertionError) as raised:
        assert_enqueued(Note)
    assert str(raised.value).splitlines()[1:] == ["  pending     \\x1b[2J(failed Note(1))"]


@pytest.mark.parametrize("claim", [{"error": "no such"}, {"error": "ValueError"}, {"key": None}, {"count": 2}, {}])
def test_failed_jobs_are_found_by_their_last_error(exqueue_app: TestApp, claim: dict[str, Any]) -> None:
    enqueue_many(Troubled, [call("error"), call("reject"), call("error")])
    exqueue_app.drain(with_delayed=True)
    assert [job.record().header.args for job in assert_failed(Troubled, "error", **claim)] == ["'error'"] * 2
    assert exqueue_app.assert_failed(Troubled, "error", **claim) == assert_failed(Troubled, "error", **claim)


@pytest.mark.parametrize(
    ("claim", "error", "message"),
    [
        (lambda: refute_enqueued(Note, "a", lood=True), BadArguments, "did you mean 'loud'"),
        (lambda: refute_enqueued(Note.options(key="no name")), ConfigError, "is not a name"),
        (lambda: refute_enqueued(Note.options(timeout=5)), ConfigError, r"^timeout of a job is not compared; leave it out of Note.options"),
        (lambda: refute_enqueued(str), ConfigError, "is not a worker"),
        (lambda: assert_enqueued(Counting, key="a"), ConfigError, r"^Counting.perform has a parameter 'key', too; give its arguments"),
        (lambda: assert_enqueued(Counting, "a", count=1), ConfigError, "has a parameter 'count'"),
    ],
)  # fmt: skip
def test_a_claim_about_a_job_that_cannot_be_is_refused(exqueue_app: TestApp, claim: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        claim()


def test_a_call_keeps_arguments_and_keywords_of_the_claim_apart(exqueue_app: TestApp) -> None:
    enqueue(Counting, "a", count=3)
    assert_enqueued(Counting, call(key="a", count=3), count=1)
    refute_enqueued(Counting.options(key="a"), call("a", 3))


def test_a_job_that_cannot_be_loaded_is_not_the_one(exqueue_app: TestApp) -> None:
    spoilt, _ = enqueue_many(Note, [call("a"), call("b")])
    exqueue_app.channel.ask([("HSET", exqueue_app.store.keys("Note")["bodies"], spoilt.id, b"\x01nothing")])
    refute_enqueued(Note, "a")
    assert_enqueued(Note, "b")


def test_nor_is_one_that_was_enqueued_when_perform_took_something_else(exqueue_app: TestApp, monkeypatch: pytest.MonkeyPatch) -> None:
    enqueue_many(Note, [call("a"), call("b", loud=True)])
    monkeypatch.setattr(Note, "perform", lambda self, word: None)
    exqueue_app.assert_enqueued(Note, ANY)
    refute_enqueued(Note, "b")


def test_a_time_is_only_that_of_a_job_that_waits_for_it(jobs: TestApp) -> None:
    assert_failed(Ordered.options(key="k", delay=0.5), "bad", count=0)


def test_other_apps_can_be_asked_too(app: Exqueue) -> None:
    app.enqueue(Note, "a")
    assert len(assert_enqueued(Note, "a", app=app)) == 1


def test_without_the_fixture_the_app_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exqueue.testing.asserts.default_app", Default())
    with pytest.raises(ConfigError, match=r"^which app"):
        assert_enqueued(Note)
