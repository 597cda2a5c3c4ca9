"""Ways in which other job runners lost, doubled or stuck jobs, tried with real processes; docs/history.md says which they were."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exqueue.model.job import Counts
from tests.bad_days.jobs import SAY, has_run, put
from tests.bad_days.server import BadServer
from tests.bad_days.test_clocks import let_beat, nobody_was_taken_for_dead
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

ALONE = SAY.replace("processes = 2", "processes = 1")
LIMITED = f"""{SAY}
class Long(Say):
    queue, processes, timeout = 'Say', 1, 36_000
class Short(Say):
    queue, processes, timeout = 'Say', 1, 60
"""
FLAKY = f"""{ALONE}
class Flaky(Worker):
    backoff = constant(1)
    def perform(self):
        say(self.job.attempt)
        assert self.job.attempt > 1
"""


def test_a_process_killed_between_receiving_a_job_and_starting_it_loses_nothing(rig: Rig) -> None:
    rig.workers(ALONE)
    rig.start()
    rig.until(lambda: b"blocked_clients:1" in rig.app.channel.ask([("INFO", "clients")])[0])
    (slot,) = rig.app.reader.slots("Say")
    os.kill(slot.pid, signal.SIGSTOP)  # so that it does not hear of what it is given
    put(rig.app, "a", "b")
    rig.until(lambda: rig.app.reader.held("Say", [slot.slot]) == {slot.slot: ["a"]})
    os.kill(slot.pid, signal.SIGKILL)
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=2, completed=2))
    assert (rig.said, "crash" in rig.log) == (["begin a", "end a", "begin b", "end b"], False)


def test_a_job_whose_outcome_could_not_be_told_runs_again_at_once_not_hours_later(server: BadServer, rig: Rig) -> None:
    rig.workers(ALONE)
    put(rig.app, "slow")
    rig.start()
    rig.until(lambda: rig.said == ["begin slow"])
    worker = rig.worker_of("Say")
    server.ask("CLIENT", "PAUSE", 60_000, "WRITE")
    rig.open_gate("slow")
    rig.until(lambda: rig.said == ["begin slow", "end slow"])
    os.kill(worker, signal.SIGKILL)  # in the middle of telling it
    server.ask("CLIENT", "UNPAUSE")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=1, completed=1))
    # What it had sent before it was killed may have been carried out: then the job is done and does not run again.
    assert rig.said in (["begin slow", "end slow"], ["begin slow", "end slow"] * 2)


@pytest.mark.parametrize(
    "waits", ["gate()", "while not os.path.exists('gate'): ctypes.PyDLL(None).usleep(1_000_000)"], ids=["sleeps", "holds the GIL"]
)
def test_a_job_that_lasts_longer_than_the_lease_is_not_taken_from_a_runner_that_lives(rig: Rig, waits: str) -> None:
    rig.workers(f"import ctypes\nclass Say(Worker):\n    def perform(self):\n        say('begin')\n        {waits}\n        say('end')\n")
    put(rig.app, "a")
    rig.start("--lease", "2")
    rig.until(lambda: rig.said == ["begin"])
    rig.start("--lease", "2", EXQUEUE_HOST_ID="elsewhere")
    rig.until(lambda: len(rig.app.reader.beats("Say")) == 2)
    let_beat(rig, 16)  # ten of them are a lease
    rig.open_gate()
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=1, completed=1))
    assert (rig.said, nobody_was_taken_for_dead(rig)) == (["begin", "end"], True)


def test_jobs_are_recovered_after_the_lease_however_long_they_may_take(rig: Rig) -> None:
    rig.workers(LIMITED)
    for worker in ("Long", "Short"):
        put(rig.app, f"slow-{worker}", queue="Say", worker=worker)
    first = rig.start("--lease", "1", EXQUEUE_HOST_ID="elsewhere")
    rig.until(lambda: len(rig.said) == 2)
    first.kill()
    rig.start("--lease", "1")
    rig.until(lambda: len(rig.said) == 4)
    for worker in ("Long", "Short"):
        rig.open_gate(f"slow-{worker}")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=2, completed=2))


def test_what_is_delayed_or_between_two_attempts_is_due_after_a_restart_of_the_server(server: BadServer, rig: Rig) -> None:
    rig.workers(FLAKY)
    rig.start()
    put(rig.app, "later", delay_ms=1000)
    put(rig.app, "flaky", worker="Flaky")
    rig.until(lambda: rig.app.queue("Flaky").counts().delayed == 1)
    server.kill()
    server.start()
    rig.until(lambda: has_run(rig, "later") and "2" in rig.said)


def test_a_runner_below_a_shell_that_hears_no_signal_is_recovered_from(rig: Rig) -> None:
    isolated = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*isolated, "true"], capture_output=True).returncode:
        pytest.skip("no process namespaces for this user")
    rig.workers(ALONE)
    put(rig.app, "slow")
    settings = rig.app.settings
    command = f"{sys.executable} -m exqueue --url {settings.url} --namespace {settings.namespace} run jobs --lease 1"
    words = f"{command}; true"  # not exec: the shell stays
    with (rig.directory / "log").open("wb") as log:
        outside = subprocess.Popen([*isolated, "sh", "-c", words], cwd=rig.directory, env=rig.environment(), stderr=log)
    rig.runners.append(outside)
    rig.until(lambda: rig.said == ["begin slow"])
    (shell,) = map(int, Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text().split())
    os.kill(shell, signal.SIGTERM)  # what a container is stopped with; the first process of one does not hear it
    os.kill(shell, signal.SIGKILL)  # and then this: all in there die
    outside.wait(30)
    rig.open_gate("slow")
    rig.start("--lease", "1")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=1, completed=1))
    assert rig.said == ["begin slow", "begin slow", "end slow"]
