"""Enqueue: checked and pickled before anything is written, and repeatable by its id."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.default import Default
from exqueue.model.codec import decode
from exqueue.model.errors import BadArguments, ConfigError, EncodeError, ExqueueError
from exqueue.model.job import Claim, Counts
from exqueue.model.lifecycle import Place
from exqueue.model.options import Configured, call
from exqueue.model.settings import Settings
from exqueue.model.worker import Worker
from tests.client.workers import Add, Send
from tests.conftest import fake_channel, on_servers

Starts = Callable[[Job], Claim]


@on_servers
def test_a_job_is_in_redis_when_enqueue_returns(app: Exqueue) -> None:
    job = app.enqueue(Add, 1, b=2)
    assert (job.state(), job.new, job.queue, app.queue(Add).counts()) == (Place.PENDING, True, "Add", Counts(pending=1, enqueued=1))


@on_servers
def test_what_is_enqueued_is_what_is_called(app: Exqueue, starts: Starts) -> None:
    claim = starts(app.enqueue(Add, 1, b=2))
    assert decode(claim.header, claim.body, {}) == (Add, call(1, b=2))


@on_servers
def test_many_jobs_stand_in_line_as_they_were_given(app: Exqueue) -> None:
    jobs = app.enqueue_many(Add, (call(n) for n in range(250)))
    line = [*app.jobs(Place.PENDING, Add)]
    assert (line, [job.seen.header.args for job in line]) == (jobs, [str(n) for n in range(250)])


@on_servers
def test_no_jobs_are_no_jobs(app: Exqueue) -> None:
    assert (app.enqueue_many(Add, []), app.queue(Add).counts()) == ([], Counts())


@on_servers
@pytest.mark.parametrize("calls", [[call()], [call(1), call(1, 2, 3)], [call(1), call(1, c=2)]], ids=["missing", "too many", "unknown"])
def test_arguments_that_do_not_fit_write_nothing(app: Exqueue, calls: list[Any]) -> None:
    with pytest.raises(BadArguments, match=r"^Add\.perform\(a: 'int', b: 'int' = 0\) -> 'int': "):
        app.enqueue_many(Add, calls)
    assert (app.queues(), app.queue(Add).counts()) == ([], Counts())


@on_servers
def test_arguments_that_cannot_be_pickled_write_nothing(app: Exqueue) -> None:
    with pytest.raises(EncodeError, match=r"^cannot pickle the arguments of Add: TypeError: .*lock' object"):
        app.enqueue_many(Add, [call(1), call(threading.Lock())])
    assert (app.queues(), app.queue(Add).counts()) == ([], Counts())


def test_arguments_that_are_too_large_write_nothing() -> None:
    app = Exqueue(settings=Settings(max_body=100), channel=fake_channel())
    with pytest.raises(EncodeError, match="more than max_body = 100"):
        app.enqueue_many(Send, [call(1), call("x" * 100)])
    assert app.queue(Send).counts() == Counts()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (int, "is not a worker"),
        (Worker, "Worker has no perform method"),
        (type("Wrong", (Add,), {"max_retries": "5"}), "Wrong.max_retries is '5'"),
        (Configured(int), "is not a worker"),  # type: ignore[arg-type]
        (Add.options(id="a b"), "job id 'a b' is not a name"),
        (Add.options(id=""), "job id '' is not a name"),
        (Add.options(delay=-1), "delay is -1; it takes seconds"),
        (Add.options(delay=float("nan")), "delay is nan; it takes seconds"),
        (Add.options(delay=float("inf")), "delay is inf; it takes seconds"),
        (Add.options(delay="5"), "delay is '5'; it takes seconds"),  # type: ignore[arg-type]
    ],
)
def test_a_target_that_makes_no_sense_writes_nothing_and_is_named(app: Exqueue, target: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        app.enqueue(target, 1)
    assert ("\n" in str(caught.value), app.queues()) == (False, [])


def test_one_id_cannot_stand_for_many_jobs(app: Exqueue) -> None:
    with pytest.raises(ConfigError, match=r"one id \('x'\) cannot stand for 2 jobs; leave out id="):
        app.enqueue_many(Add.options(id="x"), [call(1), call(2)])
    assert app.queues() == []


@on_servers
def test_an_id_makes_an_enqueue_repeatable(app: Exqueue) -> None:
    first, again = app.enqueue(Add.options(id="inv-42"), 1), app.enqueue(Add.options(id="inv-42"), 2)
    assert (first, first.id, first.new, again.new) == (again, "inv-42", True, False)
    assert (again.record().header.args, app.queue(Add).counts()) == ("1", Counts(pending=1, enqueued=1))


@on_servers
def test_an_id_stays_known_when_its_job_has_succeeded(app: Exqueue, starts: Starts) -> None:
    job = app.enqueue(Add.options(id="inv-42"), 1)
    app.store.complete(starts(job), "t", "")
    again = app.enqueue(Add.options(id="inv-42"), 1)
    assert (again.new, again.state(), app.queue(Add).counts()) == (False, Place.NONE, Counts(enqueued=1, completed=1))


@on_servers
def test_the_same_id_may_be_used_in_two_queues(app: Exqueue) -> None:
    assert [app.enqueue(worker.options(id="x"), 1).new for worker in (Add, Send)] == [True, True]


@on_servers
def test_a_job_for_later_waits_until_it_is_due(app: Exqueue) -> None:
    job = app.enqueue(Add.options(delay=60), 1)
    record = job.record()
    assert (job.state(), abs(record.when - record.header.at - 60_000) < 10_000) == (Place.DELAYED, True)


@on_servers
def test_many_jobs_for_later_are_due_in_their_order(app: Exqueue) -> None:
    jobs = app.enqueue_many(Add.options(delay=0.001), [call(n) for n in range(30)])
    while app.queue(Add).counts().pending < 30:
        app.store.promote("Add")
    assert [*app.jobs(Place.PENDING, Add)] == jobs


@on_servers
def test_workers_that_name_one_queue_share_it(app: Exqueue) -> None:
    other = type("Other", (Send,), {"perform": Send.perform})
    app.enqueue(Send, 1)
    app.enqueue(other, 2)
    assert ([queue.name for queue in app.queues()], app.queue("mail").counts().pending) == (["mail"], 2)


def test_ids_of_jobs_sort_as_they_were_enqueued(app: Exqueue) -> None:
    first, second = app.enqueue(Add, 1), app.enqueue(Add, 2)
    assert first.id[:13] <= second.id[:13]


def test_the_module_level_functions_use_an_app_made_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import exqueue

    monkeypatch.setenv("EXQUEUE_URL", "redis://:hunter2@nowhere.invalid/0")
    monkeypatch.setattr("exqueue.default.default_app", default_app := Default())
    with pytest.raises(ExqueueError, match=r"cannot pickle"):
        exqueue.enqueue(Send, threading.Lock())
    assert repr(default_app()) == "<Exqueue exq at redis://***@nowhere.invalid/0>"


def test_another_app_stands_in_for_the_default_one_in_all_threads_until_the_block_ends(app: Exqueue) -> None:
    default_app = Default()
    with default_app.replaced(app), ThreadPoolExecutor(1) as pool:
        seen = pool.submit(default_app).result()
    assert (seen is app, default_app() is app) == (True, False)
