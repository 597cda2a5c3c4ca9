"""kill -9 of the server, and its return: nothing is lost, nobody starts anything anew, and work goes on."""

from __future__ import annotations

import pytest

from exqueue.model.job import Counts
from tests.bad_days.jobs import SAY, has_run, put
from tests.bad_days.server import BadServer
from tests.cli.kit import run
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow


def test_health_is_red_while_the_server_is_away_and_green_again_without_a_restart(server: BadServer, rig: Rig) -> None:
    rig.workers(SAY)
    runner = rig.start()
    rig.until(lambda: len(rig.pids("Say")) == 2)
    assert health(rig) == 0
    server.kill()
    assert health(rig) == 3
    server.start()
    put(rig.app, "next")
    rig.until(lambda: has_run(rig, "next"))
    rig.until(lambda: health(rig) == 0)
    assert rig.stop(runner) == 0


def health(rig: Rig) -> int:
    settings = rig.app.settings
    return run("--url", settings.url, "--namespace", settings.namespace, "health", cwd=rig.directory).code


@pytest.mark.parametrize("server", [["--appendfsync", "always"], ["--appendfsync", "everysec"]], indirect=True, ids=lambda words: words[1])
def test_a_server_killed_ten_times_loses_nothing_it_has_written_and_its_workers_go_on(server: BadServer, rig: Rig) -> None:
    rig.workers(SAY)
    runner = rig.start()
    rig.until(lambda: len(rig.pids("Say")) == 2)
    pids = sorted(rig.pids("Say"))
    for n in range(10):  # by turns while all are idle, and in the middle of a job
        if n % 2:
            put(rig.app, f"slow{n}")
            rig.until(lambda n=n: f"begin slow{n}" in rig.said)  # type: ignore[misc]
        server.kill()
        rig.open_gate(f"slow{n}")
        server.start()
        put(rig.app, f"next{n}")
        rig.until(lambda n=n: has_run(rig, f"next{n}", *[f"slow{n}"] * (n % 2)))  # type: ignore[misc]
    rig.until(lambda: rig.app.queue("Say").counts().unfinished == 0)
    kept, written = rig.app.queue("Say").counts(), "always" in server.options  # with everysec, only while the disk keeps up
    assert kept == (Counts(enqueued=15, completed=15) if written else Counts(enqueued=kept.enqueued, completed=kept.enqueued))
    assert (len(rig.said), sorted(rig.pids("Say")), rig.stop(runner)) == (30, pids, 0)
