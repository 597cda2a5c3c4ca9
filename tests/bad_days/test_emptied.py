"""FLUSHALL, or another server in the place of the old one: said once and clearly, and new jobs run."""

from __future__ import annotations

import shutil

import pytest

from exqueue.model.job import Counts
from tests.bad_days.jobs import SAY, has_run, put
from tests.bad_days.server import BadServer
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

TWO = SAY + "class Other(Say):\n    processes = 1\n"


def said_of_it(rig: Rig) -> list[str]:
    return [line.partition("Redis has lost data of ")[2].partition(" that")[0] for line in rig.log.splitlines() if "lost data" in line]


@pytest.mark.parametrize("replaced", [False, True], ids=["emptied", "replaced"])
def test_a_server_that_lost_everything_is_told_once_and_new_jobs_run(server: BadServer, rig: Rig, replaced: bool) -> None:
    rig.workers(TWO)
    put(rig.app, "slow", "pending1", "pending2")
    runner = rig.start("--processes", "Say=1")
    rig.until(lambda: rig.said == ["begin slow"] and rig.pids("Other"))
    pids = {*rig.pids("Say"), *rig.pids("Other")}
    if replaced:
        server.kill()
        shutil.rmtree(server.directory / "appendonlydir")
        server.start()
    else:
        server.ask("FLUSHALL")
    rig.until(lambda: said_of_it(rig), "for the runner to say so")
    put(rig.app, "new")
    rig.open_gate("slow")
    put(rig.app, "other", worker="Other")
    rig.until(lambda: has_run(rig, "slow", "new", "other"))
    rig.until(lambda: rig.app.queue("Say").counts() == rig.app.queue("Other").counts() == Counts(enqueued=1, completed=1))
    assert (said_of_it(rig), rig.log.count("its result is dropped"), rig.log.count("Traceback")) == (["Say, Other"], 1, 0)
    assert len({*rig.pids("Say"), *rig.pids("Other")} - pids) <= 2  # one that found its slot unknown before the next beat is replaced
    assert rig.stop(runner) == 0


def test_a_server_that_is_emptied_again_and_again_ends_no_runner(server: BadServer, rig: Rig) -> None:
    rig.workers(SAY)
    runner = rig.start("--lease", "1")
    for n in range(5):
        put(rig.app, f"job{n}")
        rig.until(lambda n=n: has_run(rig, f"job{n}"))  # type: ignore[misc]
        server.ask("FLUSHALL")
        rig.until(lambda n=n: len(said_of_it(rig)) == n + 1)  # type: ignore[misc]
    assert (said_of_it(rig), "crash" in rig.log, rig.stop(runner)) == (["Say"] * 5, False, 0)
