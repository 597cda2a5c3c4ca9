"""Batches in the loop of a worker process, in this process: what it asks of Redis, in which order its jobs run, what is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from exqueue.model.options import call
from exqueue.model.policy import Recover, constant
from exqueue.model.worker import Worker
from exqueue.runtime import batches
from exqueue.runtime.board import Board
from exqueue.runtime.process import ORDERLY, WorkerProcess
from exqueue.runtime.work import Post
from exqueue.store.steps import Store
from tests.conftest import on_servers
from tests.runtime.test_process import Recording
from tests.store.kit import CRASH

POST = Post("r.1", "r", "Many", "{}", batch=16)
RAN: list[int] = []


class Many(Worker):
    """Does what it is told; the last job asks the process to stop."""

    max_retries = 0
    backoff = constant(0)

    def perform(self, number: int, deed: str = "") -> int:
        RAN.append(number)
        if deed == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        if deed == "raise":
            raise ValueError("no")
        if deed == "tell":
            self.job.progress(0.5)
        return number


class Telling(Many):
    queue = "Many"

    def after_success(self, result: object) -> None:
        RAN.append(-int(str(result)))


@pytest.fixture
def handlers() -> Iterator[None]:
    RAN.clear()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def work(app: Exqueue, count: int, deeds: dict[int, str], kind: type[Many] = Many, lose_every: int = 0, post: Post = POST) -> list[str]:
    """Jobs 0, 1, 2, ... of which some do something; the last asks the process to stop. The steps that were asked for."""
    deeds = {count - 1: "stop", **deeds}
    app.enqueue_many(kind, [call(number, deeds.get(number, "")) for number in range(count)])
    channel: Any = Recording(app.channel, lose_every)
    assert WorkerProcess(Store(channel, app.settings.namespace), post, {}).run() == ORDERLY
    return list(channel.steps)


@on_servers
def test_two_batches_take_three_steps(app: Exqueue, handlers: None) -> None:
    assert work(app, 32, {}) == ["register", "batch", "batch", "batch"]
    assert (RAN, app.queue("Many").counts()) == ([*range(32)], Counts(enqueued=32, completed=32))


@on_servers
def test_without_a_batch_none_is_asked_for(app: Exqueue, handlers: None) -> None:
    assert work(app, 3, {}, post=replace(POST, batch=1)) == ["register", "claim", "complete", "complete", "complete"]


@on_servers
def test_lost_replies_neither_lose_nor_repeat_a_job(app: Exqueue, handlers: None) -> None:
    work(app, 99, {7: "raise", 50: "raise"}, lose_every=2)
    assert (RAN, app.queue("Many").counts()) == ([*range(99)], Counts(enqueued=99, completed=97, failed=2))


@on_servers
def test_a_job_that_fails_is_settled_at_once_and_the_others_go_on(app: Exqueue, handlers: None) -> None:
    assert work(app, 16, {5: "raise"}) == ["register", "batch", "fail", "batch"]
    assert (RAN, app.queue("Many").counts()) == ([*range(16)], Counts(enqueued=16, completed=15, failed=1))


@on_servers
def test_a_job_that_has_told_of_its_progress_is_settled_alone(app: Exqueue, handlers: None) -> None:
    assert work(app, 16, {5: "tell"}) == ["register", "batch", "report", "complete", "finish", "batch"]
    assert app.queue("Many").counts() == Counts(enqueued=16, completed=16)


@on_servers
def test_jobs_that_have_not_begun_when_the_process_is_to_stop_go_back_uncounted_in_their_order(app: Exqueue, handlers: None) -> None:
    assert work(app, 16, {12: "stop"}) == ["register", "batch", "batch", "release", "release", "release"]
    left = [(job.record().run.attempt, job.record().header.args) for job in app.queue("Many").jobs(Place.PENDING)]
    assert (RAN, left) == ([*range(13)], [(0, "13, ''"), (0, "14, ''"), (0, "15, 'stop'")])


@on_servers
def test_a_callback_after_success_is_called_before_the_next_job_runs(app: Exqueue, handlers: None) -> None:
    steps = work(app, 3, {}, Telling)
    assert (RAN, steps) == ([0, 0, 1, -1, 2, -2], ["register", "batch", *["batch"] * 3])


@on_servers
def test_what_has_succeeded_is_settled_when_the_batch_takes_long(app: Exqueue, handlers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "HOLD", 0.0)
    assert work(app, 4, {}) == ["register", *["batch"] * 5]


@on_servers
def test_a_job_with_a_key_is_run_in_its_turn_and_alone(app: Exqueue, handlers: None) -> None:
    app.enqueue_many(Many, [call(0), call(1)])
    app.enqueue(Many.options(key="k"), 2)
    steps = work(app, 5, {})
    assert (RAN, app.queue("Many").counts()) == ([0, 1, 2, 0, 1, 2, 3, 4], Counts(enqueued=8, completed=8))
    assert steps[:6] == ["register", "batch", "batch", "batch", "claim", "finish"]


@on_servers
def test_after_a_job_that_is_not_plain_the_next_batch_of_jobs_is_taken_one_by_one(app: Exqueue, handlers: None) -> None:
    app.enqueue(Many.options(key="k"), 0)
    steps = work(app, 40, {}, post=replace(POST, batch=4))
    assert (steps[:7], steps.count("batch")) == (["register", "batch", "claim", "finish", "complete", "complete", "complete"], 12)


@on_servers
def test_a_job_of_a_batch_that_is_cancelled_before_its_turn_is_not_run(app: Exqueue, handlers: None) -> None:
    board = Board.create()
    cell = board.cell(0)
    cell.stop(3)
    app.enqueue_many(Many, [call(number, "stop" if number == 3 else "") for number in range(4)])
    ended = WorkerProcess(app.store, POST, {}, cell).run()
    board.close()
    assert (ended, RAN, app.queue("Many").counts()) == (ORDERLY, [0, 1, 3], Counts(enqueued=4, completed=3, deleted=1))


@on_servers
def test_jobs_that_were_given_to_others_are_told_of_and_not_settled(app: Exqueue, handlers: None, caplog: pytest.LogCaptureFixture) -> None:
    app.enqueue_many(Many, [call(0), call(1, "stop")])
    channel: Any = Robbing(app)
    WorkerProcess(Store(channel, app.settings.namespace), POST, {}).run()
    assert (app.queue("Many").counts(), caplog.text.count("its result is dropped")) == (Counts(pending=2, enqueued=2), 2)


def test_inside_of_a_batch_nothing_is_claimed_with_the_settlement_of_one_job(app: Exqueue, handlers: None) -> None:
    """It would be what the slot holds: jobs that have succeeded, and wait to be settled."""
    process = WorkerProcess(app.store, replace(POST, batch=4), {})
    process._singly = 4  # as after a settlement that was refused
    found = [process._following()]
    process._inside = True
    assert [*found, process._following()] == ["r.1/1", ""]


class Robbing(Recording):
    """Somebody takes the process for dead before it settles."""

    def __init__(self, app: Exqueue) -> None:
        super().__init__(app.channel)
        self._app = app

    def run(self, script: Any, keys: list[str], argv: list[Any]) -> list[Any]:
        if self.steps.count("batch") == 1:
            held = self._app.reader.held("Many", ["r.1"])["r.1"][0]
            self._app.store.recover("Many", "r.1", "r", "", (held, "r.1/1"), Recover(CRASH))
        return super().run(script, keys, argv)
