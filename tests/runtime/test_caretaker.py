"""What is wrong with one queue keeps a runner from nothing that it does for the others."""

from __future__ import annotations

import functools
import logging
import signal
import subprocess

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreUnavailable
from exqueue.model.lifecycle import Place
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.host import start_time
from exqueue.store.keys import BELL
from exqueue.store.slotinfo import SlotInfo
from tests.client.workers import Add, Send
from tests.conftest import on_servers


@pytest.fixture
def caretaker(app: Exqueue) -> Caretaker:
    """Of the queues Add and mail."""
    specs = (WorkerSpec("app:Add", "Add", 1, 3), WorkerSpec("app:Send", "mail", 1, 3))
    return Caretaker(app.store, app.reader, Identity("r", "host", 1, 1), specs, 30)


@on_servers
def test_a_queue_that_somebody_else_writes_to_is_told_of_once_and_the_others_are_tended(
    app: Exqueue, caretaker: Caretaker, caplog: pytest.LogCaptureFixture
) -> None:
    app.enqueue(Send.options(delay=0.001), "x")
    app.channel.ask([("SET", app.store.keys("Add")["delayed"], "foreign"), ("SET", app.store.keys("Add")["done"], "foreign")])
    with caplog.at_level(logging.ERROR):
        while not app.jobs(Place.PENDING, Send):
            caretaker.promote()
            caretaker.deliver()
            caretaker.take_over(float, set())
            caretaker.sweep()
    assert [message.partition(", will")[0] for message in caplog.messages] == ["cannot promote for Add", "cannot purge for Add"]
    app.channel.ask([("DEL", app.store.keys("Add")["delayed"], app.store.keys("Add")["done"])])


@on_servers
def test_while_a_queue_cannot_be_read_nobody_there_is_taken_for_dead(app: Exqueue, caretaker: Caretaker) -> None:
    slots = app.store.keys("Add")["slots"]
    app.store.register("Add", "s", SlotInfo("s", "other", "elsewhere", 1, 1, 1, 1, "app:Add", "there", 30).encode(), "other")
    caretaker.take_over(lambda: 0.0, set())
    app.channel.ask([("RENAME", slots, f"{slots}-away"), ("SET", slots, "foreign")])
    caretaker.take_over(lambda: 29.0, set())
    app.channel.ask([("RENAME", f"{slots}-away", slots)])
    caretaker.take_over(lambda: 31.0, set())
    caretaker.take_over(lambda: 60.0, set())
    assert [slot.slot for slot in app.reader.slots("Add")] == ["s"]


def test_a_server_that_cannot_be_reached_is_not_the_fault_of_a_queue(
    app: Exqueue, caretaker: Caretaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(app.store, "promote", gone)
    with pytest.raises(StoreUnavailable):
        caretaker.promote()


@on_servers
def test_more_than_a_hundred_old_results_are_removed_at_once(app: Exqueue, caretaker: Caretaker) -> None:
    app.store.register("Add", "s", "{}", "r")
    for number in range(250):
        app.enqueue(Add.options(keep_result=1), number)
        claim = app.store.claim("Add", "s", f"s/{number}")
        app.store.complete(claim, "s", "", keep_ms=1)  # type: ignore[arg-type]
    while app.queue(Add).counts().done:
        caretaker.deliver()
    assert app.queue(Add).counts().completed == 250


def test_a_bell_that_a_late_blmove_has_brought_into_a_closed_slot_is_rung_again(app: Exqueue, caretaker: Caretaker) -> None:
    app.store.register("Add", "s", "{}", "r")
    app.store.recover("Add", "s", "r", "", ("", ""), None)
    app.enqueue(Add.options(priority=1), 1)  # it is ranked, so all that is in `pending` is a bell
    keys = app.store.keys("Add")
    app.channel.ask([("LMOVE", keys["pending"], keys.processing("s"), "LEFT", "RIGHT")])
    caretaker.sweep()
    lists = app.channel.ask([("LRANGE", key, 0, -1) for key in (keys["pending"], keys.processing("s"))])
    assert (lists, app.store.bury("Add", "s", 0)) == ([[BELL], []], True)


def test_where_another_runner_beats_on_the_host_of_a_silent_one_it_has_a_lease_to_kill_what_runs_there(
    app: Exqueue, caretaker: Caretaker
) -> None:
    for slot, runner in (("a.1", "silent"), ("b.1", "beating")):
        app.store.register("Add", slot, SlotInfo(slot, runner, "elsewhere", 7, 7).encode(), runner)
    found = []
    for now in (0, 20, 40, 59, 60):
        app.store.beat("Add", "beating", {})
        caretaker.take_over(functools.partial(float, now), set())
        found.append([slot.slot for slot in app.reader.slots("Add")])
    assert found == [["a.1", "b.1"]] * 4 + [["b.1"]]


@on_servers
def test_a_beat_that_is_read_late_is_not_taken_for_an_old_one(app: Exqueue, caretaker: Caretaker) -> None:
    app.store.register("Add", "a.1", SlotInfo("a.1", "beating", "elsewhere", 7, 7).encode(), "beating")
    moments = iter((0.0, 40.0, *[40.5] * 10))  # frozen, or waiting for a reply, for longer than a lease at the first look
    caretaker.take_over(functools.partial(next, moments), set())
    caretaker.take_over(functools.partial(next, moments), set())
    assert [slot.slot for slot in app.reader.slots("Add")] == ["a.1"]


def test_a_process_of_this_host_that_was_taken_for_dead_from_elsewhere_is_killed(app: Exqueue, caretaker: Caretaker) -> None:
    with subprocess.Popen(["sleep", "600"]) as frozen:
        info = SlotInfo("a.1", "a", "host", frozen.pid, start_time(frozen.pid))
        app.store.register("Add", "a.1", info.encode(), "a")
        app.store.recover("Add", "a.1", "a", "0", ("", ""), None)
        caretaker.take_over(float, set())
        assert frozen.wait(10) == -signal.SIGKILL


def test_a_process_of_its_own_a_runner_leaves_to_who_knows_that_it_is_killed(app: Exqueue, caretaker: Caretaker) -> None:
    with subprocess.Popen(["sleep", "600"]) as mine:
        info = SlotInfo("r.1", "r", "host", mine.pid, start_time(mine.pid))
        app.store.register("Add", "r.1", info.encode(), "r")
        app.store.recover("Add", "r.1", "r", "0", ("", ""), None)
        caretaker.take_over(float, {"r.1"})
        assert mine.poll() is None
        mine.kill()
