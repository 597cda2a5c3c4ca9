"""A job that returns a process lasts as long as that, and ends as it does."""

from __future__ import annotations

import pytest

from exqueue.model.job import Counts
from tests.runtime.family import errors_of, family, guarded, guards, living
from tests.runtime.rig import Rig

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("nothing_left")]


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


def test_what_surrounds_a_job_lasts_as_long_as_its_process_and_sees_it_fail(rig: Rig) -> None:
    rig.workers("""
import subprocess
def around(job, call_next):
    try:
        result = call_next()
        say('succeeded', result)
    except Exception as error:
        say(type(error).__name__, os.path.exists('ended'))
        raise
class Surrounded(Worker):
    max_retries = 0
    middleware = [around]
    def perform(self, n):
        return subprocess.Popen(['sh', '-c', f'sleep 0.1; touch ended; exit {n}'])
""")
    ids = rig.enqueue_many("Surrounded", 2)
    rig.burst()
    assert (rig.said, [job.id for job in rig.app.failed()]) == (["succeeded None", "ExternalFailed True"], ids[1:])


def test_a_limit_of_weeks_is_none_for_today(rig: Rig) -> None:
    rig.workers("""
import subprocess
class Patient(Worker):
    timeout, max_retries = 1e9, 0
    def perform(self, n):
        return subprocess.Popen(['sleep', '0.05'])
""")
    rig.enqueue_many("Patient", 1)
    rig.burst()
    assert rig.app.queue("Patient").counts() == Counts(enqueued=1, completed=1)
