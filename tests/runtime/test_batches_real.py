"""Batches with real processes: what a kill, a signal, a person or a time limit in the middle of one does to each of its jobs."""

from __future__ import annotations

import os
import signal

import pytest

from exqueue.model.job import Counts
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

MANY = """
class Many(Worker):
    batch = 8
    backoff = constant(0)
    def perform(self, n):
        say(n, 'of attempt', self.job.attempt)
        if n == 2 and self.job.attempt == 1:
            gate()
"""
FIRST = ["0 of attempt 1", "1 of attempt 1", "2 of attempt 1"]


def begin(rig: Rig, source: str = MANY, said: list[str] = FIRST, **environment: str) -> list[str]:
    """A batch of five jobs whose third one runs; their ids."""
    rig.workers(source)
    jobs = rig.enqueue_many("Many", 5)
    rig.start(**environment)
    rig.until(lambda: rig.said == said, "for the third job")
    return jobs


def spent(rig: Rig, job: str) -> tuple[int, int, int]:
    run = rig.app.job(job).record().run
    return run.attempt, run.failures, run.crashes


def done(rig: Rig, count: int) -> bool:
    return rig.app.queue("Many").counts() == Counts(enqueued=count, completed=count)


def test_after_a_kill_each_job_runs_and_only_those_that_had_begun_have_an_attempt_more(rig: Rig) -> None:
    begin(rig)
    os.kill(rig.worker_of("Many"), signal.SIGKILL)
    rig.until(lambda: done(rig, 5))
    assert rig.said[3:] == ["0 of attempt 2", "1 of attempt 2", "2 of attempt 2", "3 of attempt 1", "4 of attempt 1"]
    assert rig.log.count("crash 1 of 3") == 1


def test_a_kill_counts_a_crash_for_the_job_that_ran_and_for_no_other(rig: Rig) -> None:
    jobs = begin(rig)
    rig.app.queue("Many").pause()
    os.kill(rig.worker_of("Many"), signal.SIGKILL)
    rig.until(lambda: rig.line_up("Many") == jobs, "for all to be back")
    assert [spent(rig, job) for job in jobs] == [(1, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 0), (0, 0, 0)]


def test_with_its_runner_nobody_knows_how_far_a_process_came_so_its_first_job_counts(rig: Rig) -> None:
    jobs = begin(rig)
    rig.app.queue("Many").pause()
    rig.runners[0].kill()
    rig.start()
    rig.until(lambda: rig.line_up("Many") == jobs, "for all to be back")
    assert [spent(rig, job) for job in jobs] == [(1, 0, 1), *[(0, 0, 0)] * 4]


def test_a_job_that_kills_its_process_is_found_out_and_takes_no_other_with_it(rig: Rig) -> None:
    rig.workers("""
class Many(Worker):
    batch = 8
    def perform(self, n):
        if n == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        say(n)
""")
    jobs = rig.enqueue_many("Many", 5)
    rig.burst()
    assert rig.app.queue("Many").counts() == Counts(enqueued=5, completed=4, failed=1)
    assert (rig.said, spent(rig, jobs[2])) == (["0", "1", "0", "1", "3", "4"], (3, 0, 3))


def test_at_the_end_of_a_runner_what_has_not_begun_goes_back_uncounted(rig: Rig) -> None:
    jobs = begin(rig)
    rig.runners[0].send_signal(signal.SIGTERM)
    rig.until(lambda: "stopping" in rig.log)
    rig.open_gate()
    assert rig.runners[0].wait(30) == 0
    assert (rig.said, rig.line_up("Many"), [spent(rig, job) for job in jobs[3:]]) == (FIRST, jobs[3:], [(0, 0, 0)] * 2)
    assert rig.app.queue("Many").counts() == Counts(enqueued=5, completed=3, pending=2)


def test_after_the_grace_the_job_that_ran_goes_back_uncounted_too(rig: Rig) -> None:
    jobs = begin(rig, EXQUEUE_GRACE="0.2")
    assert rig.stop(rig.runners[0]) == 0
    assert (rig.line_up("Many"), [spent(rig, job) for job in jobs]) == (jobs, [(1, 0, 0), (1, 0, 0), *[(0, 0, 0)] * 3])


def test_a_job_that_fails_is_retried_and_the_others_go_on(rig: Rig) -> None:
    begin(rig, MANY.replace("gate()", "raise ValueError('no')"), [*FIRST, "3 of attempt 1", "4 of attempt 1", "2 of attempt 2"])
    rig.until(lambda: done(rig, 5))


def test_of_a_batch_one_job_that_runs_and_one_that_waits_are_cancelled_and_the_others_run(rig: Rig) -> None:
    jobs = begin(rig)
    rig.app.job(jobs[3]).cancel(running=True)
    rig.app.job(jobs[2]).cancel(running=True)
    rig.until(lambda: rig.app.queue("Many").counts() == Counts(enqueued=5, completed=3, deleted=2))
    assert (rig.said, "killed" in rig.log) == ([*FIRST, "4 of attempt 1"], False)


def test_a_job_that_waits_in_a_batch_is_cancelled_without_harm_to_the_one_that_runs(rig: Rig) -> None:
    jobs = begin(rig, EXQUEUE_KILL_AFTER="0.2")
    rig.app.job(jobs[4]).cancel(running=True)
    rig.command("events")  # a while
    rig.open_gate()
    rig.until(lambda: rig.app.queue("Many").counts() == Counts(enqueued=5, completed=4, deleted=1))
    assert (rig.said, "killed" in rig.log) == ([*FIRST, "3 of attempt 1"], False)


def test_each_job_of_a_batch_has_its_time_limit(rig: Rig) -> None:
    begin(rig, MANY.replace("batch = 8", "batch = 8\n    timeout = 0.3"), [*FIRST, "3 of attempt 1", "4 of attempt 1", "2 of attempt 2"])
    rig.until(lambda: done(rig, 5))


def test_a_job_of_a_batch_that_does_not_heed_its_time_limit_is_killed_and_the_others_run(rig: Rig) -> None:
    stubborn = MANY.replace("batch = 8", "batch = 8\n    timeout = 0.3").replace("gate()", "sum(range(10**12))")
    again = ["0 of attempt 2", "1 of attempt 2", "3 of attempt 1", "4 of attempt 1"]
    jobs = begin(rig, stubborn, EXQUEUE_KILL_AFTER="0.2")
    rig.until(lambda: done(rig, 5))
    assert (sorted(rig.said[3:]), len(jobs)) == (sorted([*again, "2 of attempt 2"]), 5)
