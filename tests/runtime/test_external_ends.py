"""A process that a job has returned goes with the job: at its limit, with a person's wish, and however its worker process dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from exqueue.model.job import Counts, Run
from exqueue.model.lifecycle import Place
from exqueue.runtime.host import start_time
from tests.runtime.family import OWN, SAME, errors_of, family, guarded, guards, living, parent_of, pids
from tests.runtime.rig import Rig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize("define", ["def", "async def"])
def test_when_time_is_up_the_whole_group_is_told_to_end(rig: Rig, define: str) -> None:
    job = family(rig, define=define, options="timeout, max_retries = 0.5, 0")
    rig.burst()
    found = pids(rig)
    said = f"ran longer than its timeout of 0.5 s; told to end, process {found[0]} exited with code 0"
    assert (errors_of(rig, job), living(found), guards(rig)) == ([("timeout", said)], [], [])


def test_a_process_that_ignores_the_word_is_killed_with_its_group_and_that_spends_a_retry(rig: Rig) -> None:
    job = family(rig, trap="echo told >>said", options="timeout, max_retries, max_crashes = 0.5, 0, 1")
    rig.burst(EXQUEUE_KILL_AFTER="0.5")
    found, run = pids(rig), rig.app.job(job).record().run
    rig.until(lambda: not living(found))
    said = "ran longer than its timeout of 0.5 s; the worker process was killed by SIGKILL"
    assert (rig.said, errors_of(rig, job), run.failures, run.crashes) == (["told"], [("timeout", said)], 1, 0)


def test_a_process_that_shares_the_group_of_its_worker_process_is_told_alone(rig: Rig) -> None:
    family(rig, options="timeout, max_retries = 0.5, 0", start=SAME)
    runner = rig.start()
    found = pids(rig)
    worker = rig.pids("Family")
    rig.until(lambda: rig.app.queue("Family").counts().failed)
    assert (living(found), rig.pids("Family")) == (found[1:], worker)
    rig.stop(runner)
    rig.until(lambda: not living(found))


def test_a_running_process_is_cancelled_with_its_group(rig: Rig) -> None:
    job = family(rig)
    runner = rig.start()
    found = pids(rig)
    rig.app.job(job).cancel(running=True)
    rig.until(lambda: rig.app.queue("Family").counts() == Counts(enqueued=1, deleted=1))
    assert (living(found), rig.stop(runner)) == ([], 0)


def test_a_process_may_end_during_the_grace(rig: Rig) -> None:
    family(rig)
    runner = rig.start("--grace", "1000")
    pids(rig)
    runner.send_signal(signal.SIGTERM)
    rig.until(lambda: "stopping" in rig.log)
    rig.open_gate()
    assert (runner.wait(30), rig.app.queue("Family").counts()) == (0, Counts(enqueued=1, completed=1))


def test_after_the_grace_the_process_goes_with_its_group_and_the_job_back_uncounted(rig: Rig) -> None:
    job = family(rig, trap="")
    runner = rig.start("--grace", "0.2")
    found = pids(rig)
    assert rig.stop(runner) == 0
    rig.until(lambda: not living(found))
    run = rig.app.job(job).record().run
    assert (rig.line_up("Family"), Run(run.attempt, run.failures, run.crashes)) == ([job], Run())


KILLS: dict[str, Callable[[Rig, int], int]] = {
    "the worker process": lambda rig, worker: worker,
    "the fork server": lambda rig, worker: parent_of(worker),
    "the runner": lambda rig, worker: rig.runners[0].pid,
}


@pytest.mark.parametrize("victim", KILLS.values(), ids=KILLS.keys())
@pytest.mark.parametrize("start", [OWN, "process_group=0", SAME], ids=["own session", "own group", "same group"])
def test_kill_9_takes_the_process_and_its_children_along(rig: Rig, victim: Callable[[Rig, int], int], start: str) -> None:
    job = family(rig, trap="", start=start)
    runner = rig.start()
    found = guarded(rig)
    (guard,) = guards(rig)
    (rig.directory / "shut").touch()
    os.kill(victim(rig, rig.worker_of("Family")), signal.SIGKILL)
    rig.until(lambda: not living(found), "for all to be gone")
    rig.until(lambda: not start_time(guard), "for the guard to end")
    runner.kill()
    assert rig.app.job(job).state() in {Place.PENDING, Place.PROCESSING}


def test_the_next_run_begins_when_the_process_of_the_last_one_is_dead(rig: Rig) -> None:
    family(rig, trap="")
    rig.start()
    first = guarded(rig)
    (guard,) = guards(rig)
    os.kill(guard, signal.SIGSTOP)  # the fork server alone must see to it
    os.kill(rig.worker_of("Family"), signal.SIGKILL)
    pids(rig, 2)
    os.kill(guard, signal.SIGKILL)
    assert living(first) == []


def test_nothing_is_left_of_a_process_that_has_ended(rig: Rig) -> None:
    rig.workers("""
import subprocess
class Many(Worker):
    timeout = 1000
    def perform(self, n):
        state = open('/proc/self/stat').read().split()[0]
        children = open(f'/proc/self/task/{os.getpid()}/children').read().split()
        say(len(os.listdir('/proc/self/fd')), len(children))
        return subprocess.Popen(['true'], stdout=subprocess.PIPE)
""")
    rig.enqueue_many("Many", 20)
    rig.burst()
    assert (len(rig.said), len(set(rig.said))) == (20, 1)


def test_a_guard_that_cannot_be_started_leaves_no_process_behind(rig: Rig) -> None:
    rig.workers("""
import subprocess
class Unguarded(Worker):
    max_retries = 0
    def perform(self, n):
        process = subprocess.Popen(['sleep', '1000'], start_new_session=True)
        say(process.pid)
        def refuse(*args, **kwargs):
            raise BlockingIOError(11, 'Resource temporarily unavailable')
        subprocess.Popen.__init__ = refuse
        return process
""")
    (job,) = rig.enqueue_many("Unguarded", 1)
    rig.burst()
    assert (errors_of(rig, job), living([int(rig.said[0])])) == ([("error", "[Errno 11] Resource temporarily unavailable")], [])
