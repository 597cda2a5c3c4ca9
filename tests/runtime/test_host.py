"""Whether a process still lives, and what follows from it for the slot it has left."""

from __future__ import annotations

import os
import subprocess

import pytest

from exqueue.app import Exqueue
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.host import is_gone, start_time
from exqueue.store.slotinfo import SlotInfo

HERE = Identity("me", "host", os.getpid(), start_time(os.getpid()))


@pytest.fixture
def dead() -> int:
    """The pid of a process that is gone."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_process_is_gone_when_none_has_its_pid_or_another_one_has(dead: int) -> None:
    me = os.getpid()
    found = [is_gone(*known) for known in ((dead, 1), (dead, 0), (me, start_time(me) + 1), (me, start_time(me)), (me, 0), (0, 0))]
    assert found == [True, True, True, False, False, False]


def test_a_slot_whose_process_was_dead_before_anybody_had_looked_is_closed_by_the_next_runner(app: Exqueue, dead: int) -> None:
    left = SlotInfo("r.1", "r", HERE.host, dead, 0, dead, 1, "app:Add")
    app.store.beat("Add", "r", {"r.1": left.encode()})  # by its runner, which was then killed
    Caretaker(app.store, app.reader, HERE, (WorkerSpec("app:Add", "Add", 1, 3),), 30).take_over(lambda: 0.0, set())
    assert app.reader.slots("Add") == []
