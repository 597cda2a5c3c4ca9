"""kill -9 of a worker process, the fork server, the runner, the server: every job is still there and runs again, in order."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from exqueue.model.job import Counts
from exqueue.runtime.host import start_time
from tests.runtime.conftest import OwnServer
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

ONCE_SLOW = """
class Slow(Worker):
    def perform(self, n):
        say('begin', n, self.job.attempt)
        if n == 0 and self.job.attempt == 1:
            gate()
        say('end', n)
"""
AGAIN_IN_ORDER = ["begin 0 1", "begin 0 2", "end 0", "begin 1 1", "end 1", "begin 2 1", "end 2"]


def begin(rig: Rig, *words: str) -> None:
    rig.workers(ONCE_SLOW)
    rig.enqueue_many("Slow", 3)
    rig.start(*words)
    rig.until(lambda: rig.said == ["begin 0 1"])


def test_a_job_whose_process_is_killed_runs_again_before_those_behind_it(rig: Rig) -> None:
    begin(rig, "--burst")
    os.kill(rig.worker_of("Slow"), signal.SIGKILL)
    rig.runners[0].wait(30)
    assert rig.said == AGAIN_IN_ORDER
    assert "was killed by SIGKILL; back at the head of its queue, crash 1 of 3" in rig.log


@pytest.mark.parametrize("name", ["SIGKILL", "SIGABRT"])
def test_a_job_that_kills_its_process_is_failed_with_the_signal_named(rig: Rig, name: str) -> None:
    rig.workers(f"""
class Poison(Worker):
    max_crashes = 2
    def perform(self, n):
        say('attempt', self.job.attempt)
        if n == 0:
            os.kill(os.getpid(), signal.{name})
""")
    rig.enqueue_many("Poison", 2)
    rig.burst()
    errors = rig.app.failed()[0].errors
    assert [(e.reason, e.message, e.attempt) for e in errors] == [
        ("crashed", f"the worker process was killed by {name}", n) for n in (1, 2)
    ]
    assert rig.said == ["attempt 1", "attempt 2", "attempt 1"]  # the neighbour runs, too


def test_a_job_that_exits_its_process_is_a_crash_with_the_exit_code_named(rig: Rig) -> None:
    rig.workers("class Quit(Worker):\n    max_crashes = 1\n    def perform(self, n): os._exit(7)\n")
    rig.enqueue_many("Quit", 1)
    rig.burst()
    assert rig.app.failed()[0].errors[0].message == "the worker process exited with code 7 in the middle of the job"


def test_worker_processes_die_with_their_runner_and_the_next_one_recovers_at_once(rig: Rig) -> None:
    begin(rig)
    worker = rig.worker_of("Slow")
    started = start_time(worker)
    rig.runners[0].kill()
    rig.until(lambda: start_time(worker) != started, "for the worker process to die with its runner")
    rig.burst()
    assert rig.said == AGAIN_IN_ORDER


def test_killing_runner_and_worker_together_loses_nothing(rig: Rig) -> None:
    begin(rig)
    rig.runners[0].kill()
    with_luck = rig.worker_of("Slow")
    if start_time(with_luck):
        os.kill(with_luck, signal.SIGKILL)
    rig.burst()
    assert rig.said == AGAIN_IN_ORDER


def test_a_killed_fork_server_is_replaced_and_its_jobs_run_again(rig: Rig) -> None:
    begin(rig, "--burst")
    stat = Path(f"/proc/{rig.worker_of('Slow')}/stat").read_text()
    os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)  # its parent
    rig.runners[0].wait(30)
    assert rig.said == AGAIN_IN_ORDER


def test_several_jobs_in_flight_go_back_in_their_old_order(rig: Rig) -> None:
    rig.workers(ONCE_SLOW.replace("class Slow(Worker):", "class Slow(Worker):\n    processes = 4").replace("n == 0 and ", ""))
    ids = rig.enqueue_many("Slow", 8)
    runner = rig.start()
    rig.until(lambda: len(rig.said) == 4)
    runner.kill()
    rig.until(lambda: not rig._left_over())
    rig.start("--processes", "Slow=0")
    rig.until(lambda: rig.app.queue("Slow").counts().processing == 0)
    assert rig.line_up("Slow") == ids


def test_a_job_goes_on_while_the_server_is_dead_and_is_settled_when_it_is_back(own_rig: Rig, own_server: OwnServer) -> None:
    begin(own_rig, "--burst")
    own_server.signal(signal.SIGKILL)
    own_rig.open_gate()
    own_rig.runners[0].wait(30)
    assert own_rig.said == ["begin 0 1", "end 0", "begin 1 1", "end 1", "begin 2 1", "end 2"]
    assert own_rig.app.queue("Slow").counts() == Counts(enqueued=3, completed=3)


def test_idle_processes_find_work_again_after_the_server_was_killed(own_rig: Rig, own_server: OwnServer) -> None:
    own_rig.workers(ONCE_SLOW.replace("gate()", "pass"))
    own_rig.start()
    own_rig.until(lambda: own_rig.pids("Slow"))
    own_server.signal(signal.SIGKILL)
    own_rig.enqueue_many("Slow", 2)
    own_rig.until(lambda: own_rig.said == ["begin 0 1", "end 0", "begin 1 1", "end 1"])


def test_a_runner_goes_on_after_the_server_was_emptied(own_rig: Rig) -> None:
    own_rig.workers(ONCE_SLOW.replace("gate()", "pass"))
    own_rig.start()
    own_rig.until(lambda: own_rig.pids("Slow"))
    own_rig.app.channel.ask([("FLUSHALL",)])
    own_rig.enqueue_many("Slow", 1)
    own_rig.until(lambda: own_rig.said == ["begin 0 1", "end 0"] and own_rig.app.queue("Slow").counts() == Counts(enqueued=1, completed=1))


def test_a_runner_that_cannot_beat_kills_its_processes_before_others_take_over(own_rig: Rig, own_server: OwnServer) -> None:
    begin(own_rig, "--lease", "2", "--burst")
    own_server.signal(signal.SIGSTOP)
    try:
        own_rig.until(lambda: "no beat for" in own_rig.log or "has not beaten for" in own_rig.log)  # it, or its fork server
    finally:
        own_server.signal(signal.SIGCONT)
    own_rig.until(lambda: len(own_rig.said) == 2)
    own_rig.open_gate()
    own_rig.runners[0].wait(30)  # not the job's fault: the start did not count, so it was attempt 1 again
    assert own_rig.said == ["begin 0 1", "begin 0 1", "end 0", "begin 1 1", "end 1", "begin 2 1", "end 2"]


def test_a_runner_kills_them_itself_where_its_fork_server_is_frozen(own_rig: Rig, own_server: OwnServer) -> None:
    begin(own_rig, "--lease", "2", "--burst")
    (slot,) = own_rig.app.reader.slots("Slow")
    fork_server = int(Path(f"/proc/{slot.pid}/stat").read_text("ascii").rpartition(")")[2].split()[1])
    os.kill(fork_server, signal.SIGSTOP)
    own_server.signal(signal.SIGSTOP)
    try:
        own_rig.until(lambda: "no beat for" in own_rig.log)
    finally:
        own_server.signal(signal.SIGCONT)
        os.kill(fork_server, signal.SIGCONT)
    own_rig.until(lambda: len(own_rig.said) == 2)
    own_rig.open_gate()
    own_rig.runners[0].wait(30)
    assert own_rig.said == ["begin 0 1", "begin 0 1", "end 0", "begin 1 1", "end 1", "begin 2 1", "end 2"]
