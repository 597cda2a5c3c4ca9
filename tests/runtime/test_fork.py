"""Forks: what a job forks is no worker process; a lost, broken or starved fork server is mended."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from exqueue.model.job import Counts
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

GATED = """
class Gated(Worker):
    def perform(self, n):
        say('begin', n, self.job.attempt)
        if n == 0 and self.job.attempt == 1:
            gate()
"""


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("end", ["return", "raise ValueError", "sys.exit(0)"])
def test_a_child_that_falls_out_of_perform_settles_and_claims_nothing(rig: Rig, end: str) -> None:
    rig.workers(f"""
class Forks(Worker):
    def perform(self, n):
        child = os.fork()
        if child == 0:
            {end}
            return
        os.waitpid(child, 0)
        say(n)
""")
    rig.enqueue_many("Forks", 10)
    rig.burst()
    assert (Counter(rig.said), rig.app.queue("Forks").counts()) == (Counter(map(str, range(10))), Counts(enqueued=10, completed=10))


def test_a_process_that_a_job_starts_can_be_terminated(rig: Rig) -> None:
    rig.workers("""
import multiprocessing
class Starts(Worker):
    def perform(self, n):
        process = multiprocessing.get_context('fork').Process(target=time.sleep, args=(1000,))
        process.start()
        process.terminate()
        process.join(20)
        say(process.exitcode)
""")
    rig.enqueue_many("Starts", 1)
    rig.burst()
    assert rig.said == [str(-signal.SIGTERM)]


def test_a_fork_server_killed_together_with_its_processes_is_replaced(rig: Rig) -> None:
    rig.workers(GATED)
    rig.enqueue_many("Gated", 2)
    runner = rig.start("--burst")
    rig.until(lambda: rig.said == ["begin 0 1"])
    worker = rig.worker_of("Gated")
    server = parent_of(worker)
    os.kill(runner.pid, signal.SIGSTOP)  # so that it hears of both deaths at once
    os.kill(worker, signal.SIGKILL)
    os.kill(server, signal.SIGKILL)
    os.kill(runner.pid, signal.SIGCONT)
    runner.wait(30)
    assert rig.said == ["begin 0 1", "begin 0 2", "begin 1 1"]


def test_the_end_of_a_fork_server_is_noticed_though_its_line_is_kept_open(rig: Rig) -> None:
    rig.workers(f"""
import multiprocessing
kept = multiprocessing.get_context('fork').Process(target=time.sleep, args=(15,), daemon=True)
kept.start()
{GATED}""")
    rig.enqueue_many("Gated", 1)
    runner = rig.start("--burst")
    rig.until(lambda: rig.said == ["begin 0 1"])
    os.kill(parent_of(rig.worker_of("Gated")), signal.SIGKILL)
    rig.until(lambda: rig.said == ["begin 0 1", "begin 0 2"])
    assert runner.wait(30) == 0


def test_workers_that_cannot_be_loaded_again_are_tried_until_they_can(rig: Rig) -> None:
    rig.workers(GATED)
    rig.enqueue_many("Gated", 1)
    runner = rig.start("--burst")
    rig.until(lambda: rig.said == ["begin 0 1"])
    good = (rig.directory / "jobs.py").read_text()
    (rig.directory / "jobs.py").write_text("def broken(:\n")
    os.kill(parent_of(rig.worker_of("Gated")), signal.SIGKILL)
    rig.until(lambda: "cannot be loaded any more" in rig.log)
    (rig.directory / "jobs.py").write_text(good)
    assert (runner.wait(30), rig.said) == (0, ["begin 0 1", "begin 0 2"])


def test_a_fork_that_fails_is_tried_again_and_ends_nothing(rig: Rig) -> None:
    rig.workers("""
fork, calls = os.fork, []
def scarce():
    calls.append(1)
    if len(calls) in (2, 3):
        raise BlockingIOError(11, 'Resource temporarily unavailable')
    return fork()
os.fork = scarce
class Two(Worker):
    processes = 2
    def perform(self, n):
        say(n, self.job.attempt)
        gate()
""")
    rig.enqueue_many("Two", 2)
    rig.start("--burst")
    rig.until(lambda: sorted(rig.said) == ["0 1", "1 1"])
    rig.open_gate()
    assert (rig.runners[0].wait(30), rig.log.count("can be forked for jobs:Two")) == (0, 2)


def test_a_job_that_changes_the_handlers_does_not_spoil_the_next_one(rig: Rig) -> None:
    rig.workers("""
class Handlers(Worker):
    def perform(self, n):
        say('begin', n)
        if n == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        else:
            gate()
            say('end', n)
""")
    rig.enqueue_many("Handlers", 2)
    runner = rig.start()
    rig.until(lambda: rig.said == ["begin 0", "begin 1"])
    runner.send_signal(signal.SIGTERM)
    rig.until(lambda: "stopping" in rig.log)
    rig.open_gate()
    assert (runner.wait(30), rig.said) == (0, ["begin 0", "begin 1", "end 1"])


def test_more_processes_than_a_line_holds_requests_for_are_started(rig: Rig) -> None:
    rig.workers("class Many(Worker):\n    def perform(self): ...\n")
    runner = rig.start("--processes", "Many=150")
    rig.until(lambda: len(rig.pids("Many")) == 150)
    assert rig.stop(runner) == 0


def test_worker_processes_share_what_was_imported_and_nothing_that_is_open(rig: Rig) -> None:
    rig.workers("""
import gc
from exqueue.store.scripts import script
THINGS = [[n] for n in range(1000)]
BEFORE = []

def opened():
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd") if int(fd) > 2]
    return {os.readlink(link) for link in links if os.path.islink(link)}

def look():
    BEFORE[:] = [script.cache_info().misses, opened()]

os.register_at_fork(before=look)

class Looks(Worker):
    def perform(self, n):
        gc.collect()
        looked_at = {id(one) for one in gc.get_objects()} & set(map(id, THINGS))
        kept = [name for name in opened() & BEFORE[1] if name.startswith(("socket:", "pipe:"))]
        say(len(looked_at), script.cache_info().misses - BEFORE[0], kept)
""")
    rig.enqueue_many("Looks", 2)
    rig.burst()
    assert rig.said == ["0 0 []"] * 2
