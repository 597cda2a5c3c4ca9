"""A job that returns a process lasts as long as that: its end, its limit, and every way in which its worker process can die."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exqueue.model.job import Counts, Run
from exqueue.model.lifecycle import Place
from exqueue.runtime.host import start_time
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

# It says its pid and that of its own child, which ignores SIGTERM, so that a test sees whether both are gone.
FAMILY = """
import subprocess
SCRIPT = '(trap "" TERM; exec sleep 1000) & echo $$ $! >>pids; trap "{trap}" TERM; while :; do sleep .02; test -e gate && exit {code}; done'
class Family(Worker):
    {options}
    {define} perform(self, n):
        return subprocess.Popen(['sh', '-c', SCRIPT], {start})
"""
OWN, SAME = "start_new_session=True", ""


def family(rig: Rig, *, trap: str = "exit 0", code: int = 0, options: str = "pass", define: str = "def", start: str = OWN) -> str:
    rig.workers(FAMILY.format(trap=trap, code=code, options=options, define=define, start=start))
    return rig.enqueue_many("Family", 1)[0]


@pytest.fixture(autouse=True)
def nothing_left(rig: Rig) -> Iterator[None]:
    """Also a test that fails leaves no process behind."""
    yield
    path = rig.directory / "pids"
    for pid in map(int, path.read_text().split() if path.exists() else []):
        if start_time(pid) and Path(f"/proc/{pid}/cwd").resolve() == rig.directory:
            os.kill(pid, signal.SIGKILL)


def pids(rig: Rig, times: int = 1) -> list[int]:
    """The processes of the so-many-th run, once they are there."""
    path = rig.directory / "pids"
    rig.until(lambda: path.exists() and len(path.read_text().splitlines()) >= times, "for the process")
    return [int(pid) for pid in path.read_text().splitlines()[times - 1].split()]


def guarded(rig: Rig) -> list[int]:
    """The processes of the first run, once they are guarded."""
    found = pids(rig)
    rig.until(lambda: guards(rig), "for the guard")
    return found


def guards(rig: Rig) -> list[int]:
    """The guards that stand behind the worker processes of this test, or behind nobody."""
    rows = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    targets = {f"-{pid}" for pid in [*pids(rig), *rig.pids("Family")]}
    return [int(row.split()[0]) for row in rows if "exqueue-guard" in row and row.split()[-1] in targets]


def living(found: list[int]) -> list[int]:
    return [pid for pid in found if start_time(pid)]


def errors_of(rig: Rig, job: str) -> list[tuple[str, str]]:
    return [(error.reason, error.message) for error in rig.app.job(job).record().errors]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("define", ["def", "async def"])
def test_a_job_lasts_until_its_process_has_ended(rig: Rig, define: str) -> None:
    family(rig, define=define)
    runner = rig.start("--burst")
    found = guarded(rig)
    assert (rig.app.queue("Family").counts(), len(guards(rig))) == (Counts(processing=1, enqueued=1), 1)
    rig.open_gate()
    assert (runner.wait(30), rig.app.queue("Family").counts()) == (0, Counts(enqueued=1, completed=1))
    assert (living(found), guards(rig)) == (found[1:], [])  # what a program leaves behind when it is done is its own business


@pytest.mark.parametrize(
    ("command", "said"),
    [("exit 3", "exited with code 3"), ("kill -TERM $$", "was killed by SIGTERM"), ("kill -KILL $$", "was killed by SIGKILL")],
)
def test_a_process_that_fails_fails_the_job_with_its_exit_code_or_signal(rig: Rig, command: str, said: str) -> None:
    rig.workers(f"""
import subprocess
class Fails(Worker):
    max_retries, backoff = 1, constant(0)
    def perform(self, n):
        return subprocess.Popen(['sh', '-c', '{command}'])
""")
    (job,) = rig.enqueue_many("Fails", 1)
    rig.burst()
    errors = rig.app.job(job).record().errors
    assert [(error.reason, error.type, error.message.partition(" ")[2].partition(" ")[2]) for error in errors] == [
        ("error", "exqueue.model.errors.ExternalFailed", said)
    ] * 2


def test_a_child_that_is_no_popen_is_waited_for_as_well(rig: Rig) -> None:
    rig.workers("""
from exqueue import Process
class Spawns(Worker):
    max_retries = 0
    def perform(self, n):
        return Process(os.posix_spawn('/bin/sh', ['sh', '-c', f'echo ran {n} >>said; exit {n}'], os.environ))
""")
    ids = rig.enqueue_many("Spawns", 2)
    rig.burst()
    assert (rig.said, [job.id for job in rig.app.failed()]) == (["ran 0", "ran 1"], ids[1:])
    assert errors_of(rig, ids[1])[0][1].endswith("exited with code 1")


def test_a_process_that_has_ended_and_was_waited_for_counts_as_it_ended(rig: Rig) -> None:
    rig.workers("""
import subprocess
class Waits(Worker):
    max_retries = 0
    def perform(self, n):
        process = subprocess.Popen(['sh', '-c', f'exit {n}'])
        process.wait()
        return process
""")
    ids = rig.enqueue_many("Waits", 2)
    rig.burst()
    assert [job.id for job in rig.app.failed()] == ids[1:]


@pytest.mark.parametrize(
    ("define", "process", "kind"),
    [
        ("async def", "await asyncio.create_subprocess_exec('sleep', '1000')", "asyncio.subprocess.Process"),
        (
            "def",
            "started(multiprocessing.get_context('fork').Process(target=time.sleep, args=(1,)))",
            "multiprocessing.context.ForkProcess",
        ),
    ],
)
def test_a_process_of_another_kind_is_an_error_not_a_success(rig: Rig, define: str, process: str, kind: str) -> None:
    rig.workers(f"""
import asyncio, multiprocessing
def started(process):
    process.start()
    return process
class Other(Worker):
    max_retries = 0
    {define} perform(self, n):
        return {process}
""")
    (job,) = rig.enqueue_many("Other", 1)
    rig.burst()
    said = f"perform returned a {kind}, which cannot be waited for; return a subprocess.Popen, or exqueue.Process(pid)"
    assert errors_of(rig, job) == [("error", said)]


def test_a_process_of_multiprocessing_is_waited_for_by_its_pid(rig: Rig) -> None:
    rig.workers("""
import multiprocessing
from exqueue import Process
class Multi(Worker):
    max_retries = 0
    def perform(self, n):
        process = multiprocessing.get_context('fork').Process(target=sys.exit, args=(n,))
        process.start()
        return Process(process.pid)
""")
    ids = rig.enqueue_many("Multi", 2)
    rig.burst()
    assert [job.id for job in rig.app.failed()] == ids[1:]


@pytest.mark.parametrize("process", ["1", "os.getppid()", "gone()"])
def test_a_process_that_is_no_child_is_refused_and_left_alone(rig: Rig, process: str) -> None:
    rig.workers(f"""
from exqueue import Process
def gone():
    pid = os.posix_spawnp('true', ['true'], os.environ)
    os.waitpid(pid, 0)
    return pid
class Foreign(Worker):
    max_retries = 0
    def perform(self, n):
        return Process({process})
""")
    (job,) = rig.enqueue_many("Foreign", 1)
    assert rig.burst() == 0
    (reason, message), *more = errors_of(rig, job)
    assert (reason, "is not a child of this worker process, or was waited for already" in message, more) == ("error", True, [])


def test_children_that_the_kernel_reaps_unseen_never_pass_for_a_success(rig: Rig) -> None:
    rig.workers("""
import subprocess
class Unseen(Worker):
    max_retries = 0
    def perform(self, n):
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        return subprocess.Popen(['sh', '-c', 'while ! test -e gate; do sleep 0.02; done; exit 3'])
""")
    (job,) = rig.enqueue_many("Unseen", 1)
    runner = rig.start("--burst")
    rig.until(lambda: rig.app.reader.counts("Unseen").processing)
    rig.open_gate()
    runner.wait(30)
    assert "its exit code cannot be known" in errors_of(rig, job)[0][1]


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
    assert living(first) == []
    os.kill(guard, signal.SIGKILL)


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
