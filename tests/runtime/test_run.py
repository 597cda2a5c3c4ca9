"""Running jobs: how many processes, what they do when idle and under load, how a burst ends, how a failure is told."""

from __future__ import annotations

import pytest

from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow


def test_a_runner_keeps_exactly_the_processes_each_worker_asks_for(rig: Rig) -> None:
    rig.workers("""
class Two(Worker):
    processes = 2
    def perform(self): ...
class One(Worker):
    def perform(self): ...
class None_(Worker):
    processes = 0
    def perform(self): ...
""")
    rig.start("--processes", "One=3")
    rig.until(lambda: len(rig.pids("Two") + rig.pids("One")) == 5)
    assert [len(set(rig.pids(name))) for name in ("Two", "One", "None_")] == [2, 3, 0]


def test_an_idle_process_blocks_in_blmove(own_rig: Rig) -> None:
    own_rig.workers("class Idle(Worker):\n    processes = 2\n    def perform(self): ...\n")
    own_rig.start()

    def blocked() -> int:
        clients = own_rig.app.channel.ask([("CLIENT", "LIST")])[0].decode().splitlines()
        return sum("cmd=blmove" in client and "flags=b" in client for client in clients)

    own_rig.until(lambda: blocked() == 2)


def test_jobs_of_one_process_run_in_the_order_they_were_enqueued_one_at_a_time(rig: Rig) -> None:
    rig.workers("class Say(Worker):\n    def perform(self, n):\n        say('begin', n)\n        say('end', n)\n")
    rig.enqueue_many("Say", 50)
    assert rig.burst() == 0
    assert rig.said == [f"{word} {n}" for n in range(50) for word in ("begin", "end")]


def test_an_async_perform_runs(rig: Rig) -> None:
    rig.workers("""
import asyncio
class Later(Worker):
    async def perform(self, n):
        await asyncio.sleep(0)
        say('async', n)
""")
    rig.enqueue_many("Later", 3)
    rig.burst()
    assert rig.said == ["async 0", "async 1", "async 2"]


def test_a_burst_ends_when_delayed_retries_are_done_too(rig: Rig) -> None:
    rig.workers("""
class Flaky(Worker):
    backoff = constant(0.3)
    def perform(self, n):
        say('attempt', self.job.attempt)
        if self.job.attempt < 3:
            raise ValueError('not yet')
""")
    rig.enqueue_many("Flaky", 1)
    assert rig.burst() == 0
    assert rig.said == ["attempt 1", "attempt 2", "attempt 3"]
    assert rig.app.queue("Flaky").counts() == Counts(enqueued=1, completed=1)


FAILING = """
class Bad(Worker):
    max_retries = 2
    backoff = constant(0.05)
    def perform(self, n):
        say('attempt', self.job.attempt)
        raise ValueError(f'no {n}')
    def after_failure(self, error):
        say('reported', error.type, error.message)
"""


def test_an_error_is_reported_once_when_retries_are_exhausted(rig: Rig) -> None:
    rig.workers(FAILING)
    rig.enqueue_many("Bad", 1)
    rig.burst()
    levels = [line.split()[2] for line in rig.log.splitlines() if "jobs:Bad" in line]
    assert (rig.said, levels) == (
        ["attempt 1", "attempt 2", "attempt 3", "reported ValueError no 0"],
        ["WARNING", "WARNING", "ERROR"],
    )


def test_a_failed_job_keeps_the_error_of_every_attempt(rig: Rig) -> None:
    rig.workers(FAILING)
    rig.enqueue_many("Bad", 1)
    rig.burst()
    errors = rig.app.failed()[0].errors
    assert [(e.attempt, e.reason, e.type, e.message) for e in errors] == [(n, "error", "ValueError", "no 0") for n in (1, 2, 3)]
    assert all("raise ValueError" in e.traceback and e.when and ":" in e.where for e in errors)


def test_attempts_go_on_where_they_were_after_a_restart(rig: Rig) -> None:
    rig.workers(FAILING.replace("0.05", "0.5"))
    rig.enqueue_many("Bad", 1)
    runner = rig.start()
    rig.until(lambda: rig.said == ["attempt 1"] and rig.app.queue("Bad").counts().delayed)
    runner.kill()
    rig.burst()
    assert rig.said == ["attempt 1", "attempt 2", "attempt 3", "reported ValueError no 0"]


def test_perform_steers_its_job_with_retry_reject_and_snooze(rig: Rig) -> None:
    rig.workers("""
class Steer(Worker):
    max_retries = 1
    def perform(self, n):
        say(n, self.job.attempt)
        if n == 0 and self.job.attempt < 4:
            raise Snooze(0.05)
        if n == 1:
            raise Retry(in_=0.05)
        if n == 2:
            raise Reject('no such customer')
""")
    rig.enqueue_many("Steer", 3)
    rig.burst()
    failed = [(job.errors[-1].reason, job.errors[-1].message) for job in rig.app.failed()]
    assert failed == [("rejected", "no such customer"), ("retry", "asked to be retried")]
    assert sorted(rig.said) == ["0 1", "0 2", "0 3", "0 4", "1 1", "1 2", "2 1"]


def test_a_failed_job_that_is_requeued_after_a_mend_completes(rig: Rig) -> None:
    rig.workers(FAILING)
    rig.enqueue_many("Bad", 1)
    rig.burst()
    rig.workers("class Bad(Worker):\n    def perform(self, n):\n        say('mended', self.job.attempt)\n")
    rig.app.failed()[0].requeue()
    rig.burst()
    assert rig.said[-1] == "mended 4"
    assert rig.app.queue("Bad").counts() == Counts(enqueued=1, completed=1)


def test_a_job_of_a_script_travels_by_value(rig: Rig) -> None:
    rig.workers("class Local(Worker):\n    def perform(self, f): ...\n")
    script = rig.directory / "script.py"
    script.write_text(f"""
from exqueue import Exqueue, Worker
class Local(Worker):
    def perform(self, f):
        import os
        fd = os.open("said", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, ("the script says " + f(20)).encode())
offset = 1
Exqueue({rig.app.settings.url!r}, namespace={rig.app.settings.namespace!r}).enqueue(Local, lambda n: str(2 * n + offset))
""")
    rig._python("script.py")
    assert [job.seen.header.by for job in rig.app.jobs(Place.PENDING)] == ["value"]
    rig.burst()
    assert rig.said == ["the script says 41"]
