"""Two runners on one queue: no job is run twice while both live; what one leaves, the other takes over."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from exqueue.model.job import Counts
from exqueue.runtime.host import start_time
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

SAY = """
class Say(Worker):
    processes = 2
    def perform(self, n):
        say('begin', n)
        if n == 0 and self.job.attempt == 1:
            gate()
        say('end', n)
"""


def test_no_job_runs_twice_while_both_live(rig: Rig) -> None:
    rig.workers(SAY)
    rig.open_gate()
    rig.enqueue_many("Say", 300)
    first, second = rig.start("--burst"), rig.start("--burst")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert Counter(rig.said) == Counter(f"{word} {n}" for n in range(300) for word in ("begin", "end"))


def test_on_the_same_host_the_other_takes_over_at_once(rig: Rig) -> None:
    rig.workers(SAY)
    rig.enqueue_many("Say", 1)
    first = rig.start("--lease", "10000")
    rig.until(lambda: rig.said == ["begin 0"])
    rig.start("--lease", "10000", "--burst")
    first.kill()
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=1, completed=1))
    assert rig.said == ["begin 0", "begin 0", "end 0"]


def test_from_another_host_it_is_taken_over_after_the_lease(rig: Rig) -> None:
    rig.workers(SAY)
    rig.enqueue_many("Say", 1)
    first = rig.start("--lease", "1", EXQUEUE_HOST_ID="elsewhere")
    rig.until(lambda: rig.said == ["begin 0"])
    rig.start("--lease", "1", "--burst")
    first.kill()
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=1, completed=1))
    assert "left by a dead process on" in rig.log


def test_from_another_host_nothing_is_taken_over_before_the_lease(rig: Rig) -> None:
    rig.workers(SAY)
    rig.enqueue_many("Say", 1)
    first = rig.start(EXQUEUE_HOST_ID="elsewhere")
    rig.until(lambda: rig.said == ["begin 0"])
    first.kill()
    rig.start("--lease", "10000")
    rig.enqueue_many("Say", 2)  # these run; the one that is held elsewhere does not
    rig.until(lambda: rig.app.queue("Say").counts().completed == 1)
    assert Counter(rig.said) == Counter(["begin 0", "begin 0", "begin 1", "end 1"])
    rig.open_gate()


def test_the_result_of_a_frozen_host_is_refused_after_the_takeover(rig: Rig) -> None:
    rig.workers(SAY.replace("processes = 2", "processes = 1"))
    rig.enqueue_many("Say", 1)
    first = rig.start("--lease", "1", EXQUEUE_HOST_ID="elsewhere")
    rig.until(lambda: rig.said == ["begin 0"])
    frozen = _tree(first.pid, rig.worker_of("Say"))
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    rig.start("--lease", "1")
    rig.until(lambda: rig.said == ["begin 0", "begin 0", "end 0"])
    rig.open_gate()
    os.kill(frozen.pop(), signal.SIGCONT)  # before those that would kill it
    rig.until(lambda: "its result is dropped" in rig.log)
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    assert rig.app.queue("Say").counts() == Counts(enqueued=1, completed=1)


def test_on_the_same_host_a_frozen_process_is_killed_before_its_job_is_given_away(rig: Rig) -> None:
    rig.workers(SAY.replace("processes = 2", "processes = 1"))
    rig.enqueue_many("Say", 1)
    first = rig.start("--lease", "1")
    rig.until(lambda: rig.said == ["begin 0"])
    frozen = _tree(first.pid, rig.worker_of("Say"))
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    rig.start("--lease", "1", "--burst").wait(60)
    assert start_time(frozen[2]) == 0
    rig.open_gate()
    for pid in frozen[:2]:
        os.kill(pid, signal.SIGCONT)
    assert rig.said == ["begin 0", "begin 0", "end 0"]
    rig.stop(first)
    assert rig.said == ["begin 0", "begin 0", "end 0"]


def _tree(runner: int, worker: int) -> list[int]:
    """A runner, its fork server and that process of it: all that runs of it on a host that is frozen."""
    between = Path(f"/proc/{worker}/stat").read_text().rpartition(") ")[2].split()[1]
    return [runner, int(between), worker]
