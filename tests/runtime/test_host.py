"""Whether a process still lives, and what follows from it for the slot it has left."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.host import is_gone, kill_and_wait, start_time
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


@pytest.fixture
def crowded() -> Iterator[None]:
    """This process has all descriptors below 1024 open, as a worker process whose job has opened many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    taken = [os.open(os.devnull, os.O_RDONLY)]
    while taken[-1] < 1024:
        taken.append(os.dup(taken[0]))
    yield
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_process_with_many_files_open_can_wait_for_another_to_be_gone(crowded: None) -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        assert kill_and_wait(other.pid, start_time(other.pid), 30)


def test_a_slot_whose_process_was_dead_before_anybody_had_looked_is_closed_by_the_next_runner(app: Exqueue, dead: int) -> None:
    left = SlotInfo("r.1", "r", HERE.host, dead, 0, dead, 1, "app:Add")
    app.store.beat("Add", "r", {"r.1": left.encode()})  # by its runner, which was then killed
    Caretaker(app.store, app.reader, HERE, (WorkerSpec("app:Add", "Add", 1, 3),), 30).take_over(lambda: 0.0, set())
    assert app.reader.slots("Add") == []
