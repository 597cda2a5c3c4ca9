"""The loop of a worker process, in this process: what it asks of Redis, and what it does when Redis does not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreUnavailable
from exqueue.model.job import Claim, Counts, ErrorInfo
from exqueue.model.options import call
from exqueue.model.policy import Recover
from exqueue.model.worker import Worker
from exqueue.runtime.board import Board
from exqueue.runtime.host import start_time
from exqueue.runtime.process import FENCED, ORDERLY, WorkerProcess
from exqueue.runtime.work import Post
from exqueue.store.channel import Channel
from exqueue.store.scripts import Script
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.steps import Store
from tests.client.workers import Send
from tests.conftest import on_servers

POST = Post("r.1", "r", "Last", "{}")


class Last(Worker):
    """Its last job asks the process to stop."""

    def perform(self, last: bool) -> None:
        if last:
            os.kill(os.getpid(), signal.SIGTERM)


class Silence(Worker):
    """Meanwhile its runner falls silent, and somebody asks the process to stop a moment later."""

    board: Board
    asking: threading.Timer

    def perform(self) -> None:
        self.board.heard = time.monotonic() - 5.0
        type(self).asking = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
        self.asking.start()


class Alone(Worker):
    """Notes whether another process lives, and asks its own to stop."""

    other: subprocess.Popen[bytes]
    alive: ClassVar[list[bool]] = []

    def perform(self) -> None:
        self.alive[:] = [self.other.poll() is None]
        os.kill(os.getpid(), signal.SIGTERM)


class Recording:
    """A channel that notes the steps, and loses the reply of every n-th one after it was carried out."""

    def __init__(self, channel: Channel, lose_every: int = 0) -> None:
        self._channel = channel
        self._lose_every = lose_every
        self.steps: list[str] = []

    def run(self, script: Script, keys: list[str], argv: list[Any]) -> list[Any]:
        self.steps.append(script.name)
        reply = self._channel.run(script, keys, argv)
        if self._lose_every and len(self.steps) % self._lose_every == 0:
            raise StoreUnavailable("the reply was lost", uncertain=True)
        return reply


def work(app: Exqueue, channel: Any) -> int:
    return WorkerProcess(Store(channel, app.settings.namespace), POST, {}).run()


@on_servers
def test_under_load_one_step_settles_a_job_and_claims_the_next(app: Exqueue, handlers: None) -> None:
    app.enqueue_many(Last, [call(False)] * 9 + [call(True)])
    recording = Recording(app.channel)
    assert work(app, recording) == ORDERLY
    assert recording.steps == ["register", "claim", *["complete"] * 10]


@pytest.mark.parametrize("batch", [1, 2])
def test_while_the_runner_is_silent_for_a_lease_no_other_job_is_begun(app: Exqueue, handlers: None, batch: int) -> None:
    """Others may have recovered by then what its other processes still run."""
    board = Board.create()
    app.enqueue_many(Silence, [call(), call()])
    board.heard = time.monotonic()
    Silence.board = board
    process = WorkerProcess(app.store, replace(POST, queue="Silence", lease=5.0, batch=batch), {}, board.cell(0))
    try:
        ended = process.run()
    finally:
        Silence.asking.join()  # it would end who runs this test
    assert (ended, app.queue(Silence).counts()) == (ORDERLY, Counts(enqueued=2, completed=1, pending=1))
    board.close()


@on_servers
def test_a_job_that_a_frozen_process_of_this_host_still_runs_is_run_once_that_is_killed(app: Exqueue, handlers: None) -> None:
    """It was taken for dead from another host, and no runner here has noticed yet."""
    with subprocess.Popen(["sleep", "600"]) as frozen:
        Alone.other = frozen
        app.store.register("Alone", "a.1", SlotInfo("a.1", "a", "host", frozen.pid, start_time(frozen.pid)).encode(), "a")
        app.enqueue(Alone)
        claim = app.store.claim("Alone", "a.1", "a.1/1")
        assert isinstance(claim, Claim)
        app.store.recover("Alone", "a.1", "a", "0", (claim.id, claim.token), Recover(ErrorInfo("crashed", "", "")))
        assert WorkerProcess(app.store, replace(POST, queue="Alone", host="host"), {}).run() == ORDERLY
        frozen.kill()
    assert (Alone.alive, app.queue(Alone).counts().completed) == ([False], 1)


@on_servers
def test_lost_replies_neither_lose_nor_repeat_a_job(app: Exqueue, handlers: None) -> None:
    app.enqueue_many(Last, [call(False)] * 9 + [call(True)])
    recording = Recording(app.channel, lose_every=3)
    assert work(app, recording) == ORDERLY
    assert app.queue(Last).counts() == Counts(enqueued=10, completed=10)
    assert recording.steps.count("complete") == 10 + len(recording.steps) // 3


def test_a_process_whose_slot_was_closed_ends_and_runs_nothing(app: Exqueue, handlers: None) -> None:
    app.enqueue_many(Last, [call(True)])
    app.store.register("Last", POST.slot, "{}", "r")
    app.store.recover("Last", POST.slot, "r", "", ("", ""), None)
    assert work(app, app.channel) == FENCED
    assert app.queue(Last).counts() == Counts(pending=1, enqueued=1)


@on_servers
def test_what_cannot_follow_a_job_keeps_its_process_from_nothing(app: Exqueue, handlers: None) -> None:
    foreign = app.store.keys("mail")["bodies"]
    app.channel.ask([("SET", foreign, "foreign")])
    app.enqueue(Last.options(then=[Send.options().call("x")]), False)
    app.enqueue(Last, True)
    ended = work(app, app.channel)
    app.channel.ask([("DEL", foreign)])
    assert (ended, app.queue("Last").counts(), len(app.reader.outbox("Last"))) == (ORDERLY, Counts(enqueued=2, completed=2), 1)
