"""Time limits: a job that runs too long is stopped, whatever it does, and that spends a retry, not a crash."""

from __future__ import annotations

import os
import signal

import pytest

from exqueue.model.job import Counts, Run
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

STUBBORN = {
    "swallows everything": """
        while True:
            try:
                time.sleep(60)
            except BaseException:
                say('swallowed')
""",
    "holds the GIL in C": """
        say('stuck')
        sum(range(10**12))
""",
    "has taken the signals": """
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
        say('blocked')
        time.sleep(60)
""",
    "waits for a process in C": """
        say('waits')
        os.system('sleep 60')
""",
}


def errors_of(rig: Rig, job: str) -> list[tuple[str, str, str, int]]:
    return [(error.reason, error.type, error.message, error.attempt) for error in rig.app.job(job).record().errors]


def test_a_job_that_runs_too_long_is_stopped_by_an_exception_and_spends_its_retries(rig: Rig) -> None:
    rig.workers("""
class Slow(Worker):
    timeout, max_retries, backoff = 0.1, 1, constant(0)
    def perform(self, n):
        try:
            say('begin', self.job.attempt)
            time.sleep(60)
        except Exception:
            say('swallowed')
        finally:
            say('cleaned up')
""")
    (job,) = rig.enqueue_many("Slow", 1)
    rig.burst()
    told = ("timeout", "JobTimeout", "ran longer than its timeout of 0.1 s")
    assert (rig.said, errors_of(rig, job)) == (["begin 1", "cleaned up", "begin 2", "cleaned up"], [(*told, 1), (*told, 2)])
    run = rig.app.job(job).record().run
    assert Run(run.attempt, run.failures, run.crashes) == Run(2, 2, 0)


def test_the_traceback_ends_where_the_job_was_when_its_time_was_up(rig: Rig) -> None:
    rig.workers("class Slow(Worker):\n    timeout, max_retries = 0.1, 0\n    def perform(self, n):\n        time.sleep(60)\n")
    (job,) = rig.enqueue_many("Slow", 1)
    rig.burst()
    lines = [line.strip() for line in rig.app.job(job).record().errors[0].traceback.splitlines() if "^" not in line]
    assert (len(lines), lines[1].endswith(", in perform"), lines[2:]) == (
        4, True, ["time.sleep(60)", "exqueue.model.steer.JobTimeout: ran longer than its timeout of 0.1 s"],
    )  # fmt: skip


def test_an_async_job_is_stopped_and_its_finally_blocks_run(rig: Rig) -> None:
    rig.workers("""
import asyncio
class Slow(Worker):
    timeout, max_retries = 0.1, 0
    async def perform(self, n):
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            say('cleaned up')
""")
    (job,) = rig.enqueue_many("Slow", 1)
    rig.burst()
    assert (rig.said, [reason for reason, *_ in errors_of(rig, job)]) == (["cleaned up"], ["timeout"])


@pytest.mark.parametrize("body", STUBBORN.values(), ids=STUBBORN.keys())
def test_a_job_that_does_not_stop_is_killed_and_spends_a_retry_not_a_crash(rig: Rig, body: str) -> None:
    rig.workers(f"""
class Stubborn(Worker):
    timeout, max_retries, max_crashes, backoff = 0.1, 1, 1, constant(0.05)
    def perform(self, n):
        {body.strip()}
class Neighbour(Worker):
    queue = 'Stubborn'
    processes = 0
    def perform(self, n):
        say('neighbour')
""")
    (job,) = rig.enqueue_many("Stubborn", 1)
    rig.enqueue_many("Neighbour", 1)
    rig.burst(EXQUEUE_KILL_AFTER="0.3")
    told = ("timeout", "JobTimeout", "ran longer than its timeout of 0.1 s; the worker process was killed by SIGKILL")
    run = rig.app.job(job).record().run
    assert (errors_of(rig, job), Run(run.attempt, run.failures, run.crashes)) == ([(*told, 1), (*told, 2)], Run(2, 2, 0))
    assert (rig.said.count("neighbour"), rig.app.queue("Stubborn").counts()) == (1, Counts(failed=1, enqueued=2, completed=1))


def test_a_job_that_swallows_the_first_exception_gets_a_second_one(rig: Rig) -> None:
    rig.workers("""
class Deaf(Worker):
    timeout, max_retries = 0.1, 0
    def perform(self, n):
        for attempt in range(2):
            try:
                time.sleep(60)
            except BaseException as error:
                say(attempt, type(error).__name__)
                if attempt:
                    raise
""")
    (job,) = rig.enqueue_many("Deaf", 1)
    rig.burst(EXQUEUE_KILL_AFTER="0.4")
    assert (rig.said, [message for _, _, message, _ in errors_of(rig, job)]) == (
        ["0 JobTimeout", "1 JobTimeout"], ["ran longer than its timeout of 0.1 s"],
    )  # fmt: skip


def test_a_job_that_ends_in_time_is_not_disturbed_and_neither_are_those_behind_it(rig: Rig) -> None:
    rig.workers("""
class Timed(Worker):
    timeout = 0.3
    def perform(self, n):
        time.sleep(0.01 if n < 50 else 0.25)
        say(n, os.getpid())
""")
    rig.enqueue_many("Timed", 52)
    rig.burst()
    assert ([line.split()[0] for line in rig.said], len({line.split()[1] for line in rig.said})) == ([str(n) for n in range(52)], 1)
    assert rig.app.queue("Timed").counts() == Counts(enqueued=52, completed=52)


def test_an_alarm_at_the_very_end_of_a_job_never_harms_the_process(rig: Rig) -> None:
    rig.workers("""
LIMIT = 0.001
class Edge(Worker):
    timeout, max_retries = LIMIT, 0
    def perform(self, n):
        if n == 0:
            say(os.getpid())
        began = time.monotonic()
        while time.monotonic() - began < LIMIT - 0.00015 + n % 300 * 1e-6:
            pass
class Last(Worker):
    queue = 'Edge'
    processes = 0
    def perform(self, n):
        say(os.getpid())
""")
    rig.enqueue_many("Edge", 2000)
    rig.enqueue_many("Last", 1)
    rig.burst()
    counts = rig.app.queue("Edge").counts()
    assert (counts.failed + counts.completed, counts.failed > 0, counts.completed > 0) == (2001, True, True)
    assert (len(set(rig.said)), {job.errors[0].reason for job in rig.app.failed()}, "an error in exqueue" in rig.log) == (
        1, {"timeout"}, False,
    )  # fmt: skip


def test_the_timer_of_a_job_does_not_end_what_it_forks(rig: Rig) -> None:
    rig.workers("""
class Forks(Worker):
    timeout, max_retries = 0.4, 0
    def perform(self, n):
        child = os.fork()
        if child == 0:
            time.sleep(1000)
        try:
            time.sleep(60)
        finally:
            say('still there', os.waitpid(child, os.WNOHANG))
""")
    (job,) = rig.enqueue_many("Forks", 1)
    rig.burst()
    assert (rig.said, errors_of(rig, job)[0][0]) == (["still there (0, 0)"], "timeout")


def test_a_child_that_falls_out_of_perform_lifts_no_limit(rig: Rig) -> None:
    rig.workers("""
class Forks(Worker):
    timeout, max_retries = 0.4, 0
    def perform(self, n):
        if child := os.fork():
            os.waitpid(child, 0)
            while True:
                try:
                    time.sleep(60)
                except BaseException:
                    pass
""")
    (job,) = rig.enqueue_many("Forks", 1)
    rig.burst(EXQUEUE_KILL_AFTER="0.3")
    assert [reason for reason, *_ in errors_of(rig, job)] == ["timeout"]


def test_a_job_that_takes_the_timer_for_itself_is_still_stopped(rig: Rig) -> None:
    rig.workers("""
class Own(Worker):
    timeout, max_retries = 0.2, 0
    def perform(self, n):
        signal.setitimer(signal.ITIMER_REAL, 0)
        time.sleep(60)
""")
    (job,) = rig.enqueue_many("Own", 1)
    rig.burst(EXQUEUE_KILL_AFTER="0.4")
    assert [message for _, _, message, _ in errors_of(rig, job)] == ["ran longer than its timeout of 0.2 s"]


def test_a_process_that_dies_of_the_alarm_is_a_timeout_too(rig: Rig) -> None:
    rig.workers("""
class Own(Worker):
    timeout, max_retries, max_crashes = 0.1, 0, 1
    def perform(self, n):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        time.sleep(60)
""")
    (job,) = rig.enqueue_many("Own", 1)
    rig.burst()
    message = "ran longer than its timeout of 0.1 s; the worker process was killed by SIGALRM"
    assert errors_of(rig, job) == [("timeout", "JobTimeout", message, 1)]


def test_a_process_killed_before_its_time_is_up_is_a_crash(rig: Rig) -> None:
    rig.workers("""
class Poison(Worker):
    timeout, max_crashes = 1000, 1
    def perform(self, n):
        os.kill(os.getpid(), signal.SIGKILL)
""")
    (job,) = rig.enqueue_many("Poison", 1)
    rig.burst()
    assert [reason for reason, *_ in errors_of(rig, job)] == ["crashed"]


def test_a_job_whose_handlers_are_gone_is_stopped_the_next_time_all_the_same(rig: Rig) -> None:
    rig.workers("""
class Thief(Worker):
    timeout, max_retries = 0.3, 0
    def perform(self, n):
        if n == 0:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        else:
            time.sleep(60)
""")
    ids = rig.enqueue_many("Thief", 2)
    rig.burst()
    assert [message for _, _, message, _ in errors_of(rig, ids[1])] == ["ran longer than its timeout of 0.3 s"]


def test_stopping_a_runner_does_not_stop_a_job_before_its_time(rig: Rig) -> None:
    rig.workers("""
class Long(Worker):
    timeout = 1000
    def perform(self, n):
        say('begin')
        gate()
        say('end')
""")
    rig.enqueue_many("Long", 1)
    runner = rig.start()
    rig.until(lambda: rig.said == ["begin"])
    runner.send_signal(signal.SIGTERM)
    rig.until(lambda: "stopping" in rig.log)
    os.kill(rig.worker_of("Long"), signal.SIGALRM)  # by whomever: it is not due
    rig.open_gate()
    assert (runner.wait(30), rig.said) == (0, ["begin", "end"])
