"""Cancelling what runs: the job is stopped and gone, whatever it does; one that succeeds first has succeeded."""

from __future__ import annotations

import os
import signal

import pytest

from exqueue.model.job import Counts
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

GONE = Counts(enqueued=1, deleted=1)

WAYS = {
    "sleeps": """
        try:
            time.sleep(60)
        finally:
            say('cleaned up')
""",
    "turns it into an error": """
        try:
            time.sleep(60)
        except BaseException as error:
            say('cleaned up')
            raise ValueError('no') from error
""",
    "wants to be run again": """
        try:
            time.sleep(60)
        except BaseException as error:
            say('cleaned up')
            raise Snooze(60)
""",
    "is async": """
        import asyncio
        async def wait():
            try:
                await asyncio.sleep(60)
            finally:
                say('cleaned up')
        return wait()
""",
}
STUBBORN = {
    "swallows everything": """
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
""",
    "holds the GIL in C": "sum(range(10**12))",
    "has taken the signals": """
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
""",
    "dies of the alarm": """
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        time.sleep(60)
""",
}


def begin(rig: Rig, body: str, **environment: str) -> str:
    rig.workers(f"class Job(Worker):\n    backoff = constant(0)\n    def perform(self, n):\n        say('begin')\n        {body.strip()}\n")
    (job,) = rig.enqueue_many("Job", 1)
    rig.start(**environment)
    rig.until(lambda: rig.said == ["begin"])
    return job


@pytest.mark.parametrize("body", WAYS.values(), ids=WAYS.keys())
def test_a_running_job_is_stopped_by_an_exception_and_is_gone(rig: Rig, body: str) -> None:
    rig.app.job(begin(rig, body)).cancel(running=True)
    rig.until(lambda: rig.app.queue("Job").counts() == GONE, "for the job to be gone")
    worker = rig.pids("Job")
    assert (rig.said, len(worker), "killed" in rig.log) == (["begin", "cleaned up"], 1, False)


@pytest.mark.parametrize("body", STUBBORN.values(), ids=STUBBORN.keys())
def test_a_job_that_does_not_stop_is_killed_and_gone_all_the_same(rig: Rig, body: str) -> None:
    rig.app.job(begin(rig, body, EXQUEUE_KILL_AFTER="0.4")).cancel(running=True)
    rig.until(lambda: rig.app.queue("Job").counts() == GONE, "for the job to be gone")
    assert (rig.said, rig.stop(rig.runners[0])) == (["begin"], 0)


def test_the_command_asks_and_returns_at_once(rig: Rig) -> None:
    job = begin(rig, "gate()")
    words = ["--url", rig.app.settings.url, "--namespace", rig.app.settings.namespace, "jobs", "cancel", job, "--running"]
    assert rig.exqueue(*words) == "cancelled 0 job(s)\nasked to stop 1 job(s)\n"
    rig.until(lambda: rig.app.queue("Job").counts() == GONE, "for the job to be gone")


def test_a_job_that_succeeds_first_has_succeeded(rig: Rig) -> None:
    job = begin(rig, """
        while True:
            try:
                time.sleep(60)
            except BaseException:
                return
""")  # fmt: skip
    rig.app.job(job).cancel(running=True)
    rig.until(lambda: rig.app.queue("Job").counts() == Counts(enqueued=1, completed=1))


def test_only_the_job_that_was_meant_is_stopped(rig: Rig) -> None:
    rig.workers("""
class Job(Worker):
    processes = 2
    def perform(self, n):
        say('begin', n)
        gate(f'gate {n}')
        say('end', n)
""")
    ids = rig.enqueue_many("Job", 3)
    rig.start()
    rig.until(lambda: sorted(rig.said) == ["begin 0", "begin 1"])
    rig.app.job(ids[0]).cancel(running=True)
    rig.until(lambda: rig.said[2:] == ["begin 2"])  # its process goes on
    for n in range(1, 3):
        rig.open_gate(f"gate {n}")
    rig.until(lambda: rig.app.queue("Job").counts() == Counts(enqueued=3, completed=2, deleted=1))


def test_the_next_job_of_a_process_that_was_told_to_stop_once_is_not_stopped(rig: Rig) -> None:
    rig.workers("""
class Job(Worker):
    def perform(self, n):
        say('begin', n)
        if n == 0:
            gate()
        else:
            time.sleep(1.2)
            say('end', n)
""")
    ids = rig.enqueue_many("Job", 2)
    rig.start(EXQUEUE_KILL_AFTER="0.4")
    rig.until(lambda: rig.said == ["begin 0"])
    rig.app.job(ids[0]).cancel(running=True)
    rig.until(lambda: rig.said == ["begin 0", "begin 1", "end 1"])
    rig.until(lambda: rig.app.queue("Job").counts() == Counts(enqueued=2, completed=1, deleted=1))


def test_a_job_that_is_stopped_while_its_process_dies_does_not_come_back(rig: Rig) -> None:
    job = begin(rig, "gate()")
    os.kill(rig.runners[0].pid, signal.SIGSTOP)  # so that it learns of both at once
    rig.app.job(job).cancel(running=True)
    os.kill(rig.worker_of("Job"), signal.SIGKILL)
    os.kill(rig.runners[0].pid, signal.SIGCONT)
    rig.until(lambda: rig.app.queue("Job").counts() == GONE, "for the job to be gone")


def test_a_job_cancelled_during_the_grace_is_gone_not_back_in_its_queue(rig: Rig) -> None:
    job = begin(rig, "gate()", EXQUEUE_GRACE="1000")
    rig.runners[0].send_signal(signal.SIGTERM)
    rig.until(lambda: "stopping" in rig.log)
    rig.app.job(job).cancel(running=True)
    assert (rig.runners[0].wait(30), rig.app.queue("Job").counts()) == (0, GONE)
