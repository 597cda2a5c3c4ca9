"""A runner that is frozen can kill nobody; its fork server, which is not, does it in time."""

from __future__ import annotations

import signal

import pytest

from exqueue.model.job import Counts
from exqueue.runtime.host import start_time
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

SAY = """
class Say(Worker):
    def perform(self, n):
        say('begin', n)
        gate()
        say('end', n)
"""


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
