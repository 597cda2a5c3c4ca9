"""Stopping: what SIGTERM, Ctrl-C, the grace period and a second signal do to jobs that run and jobs that wait."""

from __future__ import annotations

import os
import signal

import pytest

from exqueue.model.job import Counts, Run
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

SLOW = """
class Slow(Worker):
    def perform(self, n):
        say('begin', n)
        gate()
        say('end', n)
"""


def test_sigterm_lets_the_running_job_finish_and_claims_no_other(rig: Rig) -> None:
    rig.workers(SLOW)
    ids = rig.enqueue_many("Slow", 3)
    runner = rig.start()
    rig.until(lambda: rig.said == ["begin 0"])
    runner.send_signal(signal.SIGTERM)
    rig.until(lambda: "stopping" in rig.log)
    rig.open_gate()
    assert runner.wait(30) == 0
    assert (rig.said, rig.line_up("Slow")) == (["begin 0", "end 0"], ids[1:])


def test_after_the_grace_a_job_goes_back_to_the_head_uncounted(rig: Rig) -> None:
    rig.workers(SLOW)
    ids = rig.enqueue_many("Slow", 3)
    runner = rig.start("--grace", "0.2")
    rig.until(lambda: rig.said == ["begin 0"])
    assert rig.stop(runner) == 0
    run = rig.app.job(ids[0]).record().run
    assert (rig.line_up("Slow"), Run(run.attempt, run.failures, run.crashes)) == (ids, Run())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_wait(rig: Rig, number: signal.Signals) -> None:
    rig.workers(SLOW)
    ids = rig.enqueue_many("Slow", 2)
    runner = rig.start("--grace", "1000")
    rig.until(lambda: rig.said == ["begin 0"])
    runner.send_signal(number)
    rig.until(lambda: "stopping" in rig.log)
    assert rig.stop(runner, number) == 0
    assert rig.line_up("Slow") == ids


def test_ctrl_c_in_a_terminal_does_not_disturb_the_running_job(rig: Rig) -> None:
    rig.workers(SLOW)
    rig.enqueue_many("Slow", 1)
    runner = rig.start()
    rig.until(lambda: rig.said == ["begin 0"])
    for pid in {runner.pid, *rig.pids("Slow")}:  # what a terminal would do, were they in one group
        os.kill(pid, signal.SIGINT)
    rig.until(lambda: "stopping" in rig.log)
    rig.open_gate()
    assert (runner.wait(30), rig.said) == (0, ["begin 0", "end 0"])


def test_idle_processes_are_woken_to_stop_and_leave_no_slot(own_rig: Rig) -> None:
    own_rig.workers(SLOW.replace("class Slow(Worker):", "class Slow(Worker):\n    processes = 3"))
    runner = own_rig.start()
    own_rig.until(lambda: len(own_rig.pids("Slow")) == 3)
    assert own_rig.stop(runner) == 0
    assert (own_rig.app.reader.slots("Slow"), own_rig.app.reader.beats("Slow")) == ([], {})


def test_a_job_that_ends_during_the_grace_is_completed_not_repeated(rig: Rig) -> None:
    rig.workers(SLOW)
    rig.enqueue_many("Slow", 1)
    runner = rig.start("--grace", "1000")
    rig.until(lambda: rig.said == ["begin 0"])
    runner.send_signal(signal.SIGTERM)
    rig.open_gate()
    assert runner.wait(30) == 0
    assert rig.app.queue("Slow").counts() == Counts(enqueued=1, completed=1)
