"""`app.run` does from a program what `exqueue run` does from a command line."""

from __future__ import annotations

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import ConfigError
from exqueue.model.job import Counts
from exqueue.model.worker import Worker
from tests.runtime.rig import Rig


@pytest.mark.slow
def test_a_program_runs_its_workers_until_all_is_done(rig: Rig) -> None:
    rig.workers("""
class Step(Worker):
    def perform(self, n):
        say(n)
""")
    rig.client("app.enqueue(jobs.Step, 1); app.run([jobs.Step], burst=True); app.enqueue(jobs.Step, 2)")
    assert (rig.said, rig.app.queue("Step").counts()) == (["1"], Counts(pending=1, enqueued=2, completed=1))


def test_a_worker_that_no_other_process_finds_is_refused(app: Exqueue) -> None:
    class Local(Worker):
        def perform(self) -> None: ...

    with pytest.raises(ConfigError, match="Local cannot be run from here: define it in a module"):
        app.run([Local])
