"""A runner that is frozen can kill nobody; its fork server, which is not, does it in time."""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest

from exqueue.model.job import Counts
from exqueue.runtime.board import Board
from exqueue.runtime.forkserver import ForkServer
from exqueue.runtime.host import start_time
from exqueue.runtime.messages import Line
from exqueue.runtime.process import FENCED
from tests.runtime.rig import Rig

SAY = """
class Say(Worker):
    def perform(self, n):
        say('begin', n)
        gate()
        say('end', n)
"""


@pytest.mark.slow
def test_the_worker_processes_of_a_frozen_runner_are_killed_before_others_take_over(rig: Rig) -> None:
    rig.workers(SAY)
    rig.enqueue_many("Say", 1)
    runner = rig.start("--lease", "2")
    rig.until(lambda: rig.said == ["begin 0"])
    worker = rig.worker_of("Say")
    runner.send_signal(signal.SIGSTOP)
    rig.until(lambda: start_time(worker) == 0, "for the worker process to be killed")
    assert rig.app.queue("Say").counts() == Counts(enqueued=1, processing=1)
    rig.open_gate()
    runner.send_signal(signal.SIGCONT)
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=1, completed=1))
    assert (rig.said, "crash 1 of" in rig.log) == (["begin 0", "begin 0", "end 0"], False)


def serve_the_frozen(line: Line) -> None:
    """A fork server whose runner is frozen, with a child that has crashed unnoticed, and one that lives."""
    board = Board.create()
    board.heard = time.monotonic() - 1e6
    server = ForkServer(line, board)
    for crashes in (True, False):
        child = os.fork()
        if child == 0:
            os._exit(3) if crashes else signal.pause()
        if crashes:
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        server._cells[child] = board.cell(0)
        server._fence(time.monotonic())
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        server._reap()


def test_a_process_that_had_crashed_before_it_was_killed_has_crashed() -> None:
    here, there = socket.socketpair()
    child = os.fork()  # a fork server reaps all of its children, and those of the tests are none of its business
    if child == 0:
        try:
            serve_the_frozen(Line(there))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert [message["status"] for message in Line(here).hear()] == [3, FENCED]
    here.close()
    there.close()
