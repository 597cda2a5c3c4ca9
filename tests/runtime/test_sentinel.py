"""A failover under a runner: client, worker processes and runner go on without a restart, and what was accepted runs in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runtime.producer import producing
from tests.runtime.rig import Rig
from tests.store.constellation import Guarded, Node, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

STEP = "class Step(Worker):\n    serial = True\n    def perform(self, n):\n        say(n)\n"


@pytest.fixture
def rig(tmp_path: Path, sentinels: Guarded) -> Iterator[Rig]:
    rig = Rig(tmp_path, sentinels.url)
    rig.workers(STEP)
    yield rig
    sentinels.settle()
    rig.close()


def fail_over(sentinels: Guarded, how: signal.Signals) -> Node:
    """Kill or freeze the master, and wait for another one; a frozen one goes on then, and thinks that it still is the master."""
    old = sentinels.master
    old.signal(how)
    until(lambda: sentinels.master is not old, "a failover")
    old.signal(signal.SIGCONT) if how is signal.SIGSTOP else None
    return old


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_what_was_accepted_runs_in_order_across_a_failover(rig: Rig, sentinels: Guarded, how: signal.Signals) -> None:
    runner = rig.start()
    with producing(replace(rig.app.settings, durability="replicated"), ["Step"]) as producer:
        rig.until(lambda: len(rig.said) > 20, "for the first jobs")
        fail_over(sentinels, how)
        accepted = producer.accepted["Step"]
        before = len(accepted)
        until(lambda: len(accepted) > before + 50, "jobs to be accepted again")
    rig.until(lambda: set(rig.said) == set(accepted), "for all that was accepted")
    assert ([*dict.fromkeys(rig.said)], runner.poll(), rig.stop(runner)) == (accepted, None, 0)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_process_that_waits_for_a_job_waits_at_the_new_master(rig: Rig, sentinels: Guarded, how: signal.Signals) -> None:
    rig.start()
    rig.until(lambda: rig.pids("Step"), "for a worker process")
    before = rig.pids("Step")
    fail_over(sentinels, how)
    with producing(rig.app.settings, ["Step"], pause=60) as producer:
        producer.stop()
    rig.until(lambda: rig.said == ["Step-0"], "for the job")
    assert rig.pids("Step") == before
