"""Full memory, full disk: new jobs are refused in one line, what is there is run where Redis allows it, and all is well afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from exqueue.model.errors import StoreRefused, StoreUnavailable
from exqueue.model.job import Counts
from tests.bad_days.jobs import SAY, has_run, put
from tests.bad_days.server import BadServer
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

MIXED = """
class Say(Worker):
    processes = 2
    max_retries = 1
    backoff = constant(0.1)
    def perform(self):
        say('begin', self.job.id)
        if self.job.id.startswith('slow'):
            gate(self.job.id)
        if self.job.id.startswith('bad'):
            raise ValueError('bad')
        say('end', self.job.id)
"""
EVERYSEC = pytest.mark.parametrize("server", [["--appendfsync", "everysec"]], indirect=True, ids=["everysec"])


def run(rig: Rig, *words: str) -> tuple[int, str]:
    """A command on the queues of this test: its exit code, and what it says of what went wrong."""
    settings = rig.app.settings
    command = [sys.executable, "-m", "exqueue", "--url", settings.url, "--namespace", settings.namespace, *words]
    env = {**rig.environment(), "EXQUEUE_PATIENCE": "0.1"}
    done = subprocess.run(command, cwd=rig.directory, env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_a_full_memory_refuses_new_jobs_and_lets_the_others_run_fail_and_be_deleted(server: BadServer, rig: Rig) -> None:
    rig.workers(MIXED)
    put(rig.app, "slow1", "slow2", *(f"job{n}" for n in range(10)), "bad1", "bad2")
    put(rig.app, "a", "bad", "b", key="k")
    runner = rig.start()
    rig.until(lambda: len(rig.said) == 2)
    server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.ask("CONFIG", "SET", "maxmemory", 1)
    with pytest.raises(StoreRefused, match=r"^Redis at \S+ refuses: its memory is full; free some or raise maxmemory$"):
        put(rig.app, "refused")
    code, said = run(rig, "enqueue", "jobs:Say")
    assert (code, said.count("\n"), "its memory is full" in said) == (3, 1, True)
    os.kill(rig.worker_of("Say"), signal.SIGKILL)  # its replacement works, too
    rig.open_gate("slow1")
    rig.open_gate("slow2")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=17, completed=13, failed=3, waiting=1, blocked=1))
    rig.command("failed", "delete", "--all", "--yes")
    rig.until(lambda: rig.app.queue("Say").counts().unfinished == 0)  # what stood behind the one that blocked its key runs now
    server.ask("CONFIG", "SET", "maxmemory", 0)
    put(rig.app, "refused")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=18, completed=15, deleted=3))
    assert rig.stop(runner) == 0


@EVERYSEC
def test_a_full_disk_holds_work_up_until_it_is_freed(server: BadServer, rig: Rig) -> None:
    rig.workers(SAY)
    runner = rig.start()
    put(rig.app, "slow")
    rig.until(lambda: rig.said == ["begin slow"] and len(rig.pids("Say")) == 2)
    pids, kept = sorted(rig.pids("Say")), fill_disk(server, rig)
    rig.open_gate("slow")
    rig.until(lambda: rig.log.count("cannot write to its disk") >= 2)  # both processes, the runner: at least two of them
    server.free_disk()
    rig.until(lambda: resumed(rig), "for the disk to be written to again")
    rig.until(lambda: has_run(rig, "slow", *kept))
    put(rig.app, "next")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=len(kept) + 2, completed=len(kept) + 2))
    assert (sorted(rig.pids("Say")), rig.log.count("cannot write to its disk") <= 3, rig.stop(runner)) == (pids, True, 0)
    server.kill()
    server.start()  # what was written while the disk was full is on it by now
    assert rig.app.queue("Say").counts() == Counts(enqueued=len(kept) + 2, completed=len(kept) + 2)


def fill_disk(server: BadServer, rig: Rig) -> list[str]:
    """Until jobs are refused; those that were not. The last of them is written when there is room again."""
    rig.app.queue("Say").pause()
    server.fill_disk()
    kept: list[str] = []
    with pytest.raises(StoreRefused, match=r"^Redis at \S+ refuses: it cannot write to its disk; see its log$"):
        put_all(rig, kept)
    with pytest.raises(StoreRefused):
        rig.app.queue("Say").resume()
    return kept


def put_all(rig: Rig, kept: list[str]) -> None:
    for n in range(10_000):
        put(rig.app, f"job{n}")
        kept.append(f"job{n}")


def resumed(rig: Rig) -> bool:
    with contextlib.suppress(StoreRefused):
        rig.app.queue("Say").resume()
        return True
    return False


def test_a_server_that_ended_on_a_full_disk_has_all_that_it_acknowledged_when_it_is_back(server: BadServer, rig: Rig) -> None:
    rig.workers(SAY)
    runner = rig.start()
    put(rig.app, "slow")
    rig.until(lambda: rig.said == ["begin slow"] and len(rig.pids("Say")) == 2)
    pids = sorted(rig.pids("Say"))
    near = server.app(patience=0, namespace=rig.app.settings.namespace)
    server.fill_disk()
    with pytest.raises(StoreUnavailable) as lost:
        put(near, "refused")
    rig.open_gate("slow")
    assert (lost.value.uncertain, server.wait()) == (True, 1)
    assert run(rig, "status")[0] == 3
    server.start()
    put(rig.app, "next")
    rig.until(lambda: has_run(rig, "slow", "next"))
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=2, completed=2))
    assert (sorted(rig.pids("Say")), rig.stop(runner)) == (pids, 0)
    near.close()
