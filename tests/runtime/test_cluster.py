"""Runners on a cluster: many queues at several nodes, whatever is killed and wherever their slots are."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.crc import key_slot

from tests.runtime.producer import producing
from tests.runtime.rig import Rig
from tests.store.constellation import ClusterNodes, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

STEP = "class Step(Worker):\n    serial = True\n    def perform(self, name):\n        say(name)\n"
QUEUES = [f"q{n}" for n in range(4)]


@pytest.fixture
def rig(tmp_path: Path, cluster: ClusterNodes) -> Iterator[Rig]:
    rig = Rig(tmp_path, cluster.url)
    rig.workers(STEP)
    yield rig
    cluster.settle()
    rig.close()


def first_starts(rig: Rig) -> dict[str, list[str]]:
    """What ran in each queue, in order; what ran again counts where it began."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for name in rig.said:
        found[name.partition("-")[0]].setdefault(name)
    return {queue: list(names) for queue, names in found.items()}


def test_jobs_run_in_order_while_the_slot_of_their_queue_moves_to_and_fro(rig: Rig, cluster: ClusterNodes) -> None:
    home, slot = cluster.owner("q0"), key_slot(b"q0")
    away = next(node for node in cluster.nodes if node.is_master and node is not home)
    runner = rig.start("--queue", "q*")
    with producing(rig.app.settings, QUEUES) as producer:
        for source, target in [(home, away), (away, home), (home, away), (away, home)]:
            ran = len(rig.said)
            rig.until(lambda ran=ran: len(rig.said) > ran + 40, "for more jobs")  # type: ignore[misc]
            cluster.move(slot, source, target)
    rig.until(lambda: first_starts(rig) == producer.accepted, "for all that was accepted")
    assert (len({cluster.owner(queue).port for queue in QUEUES}) > 1, producer.troubles, rig.stop(runner)) == (True, [], 0)


def test_what_was_accepted_runs_in_order_across_the_failover_of_a_node(rig: Rig, cluster: ClusterNodes) -> None:
    runner = rig.start("--queue", "q*")
    with producing(replace(rig.app.settings, durability="replicated"), QUEUES) as producer:
        rig.until(lambda: len(rig.said) > 40, "for the first jobs")
        old = cluster.owner("q0")
        old.signal(signal.SIGKILL)
        until(lambda: cluster.owner("q0") is not old, "a failover")
        cluster.settle()  # else the new master would have no replica to confirm anything
        before = len(producer.accepted["q0"])
        until(lambda: len(producer.accepted["q0"]) > before + 20, "jobs to be accepted again")
    rig.until(lambda: first_starts(rig) == producer.accepted, "for all that was accepted")
    assert (runner.poll(), rig.stop(runner)) == (None, 0)


def test_the_job_of_a_worker_process_that_was_killed_runs_again_before_the_next(rig: Rig) -> None:
    rig.workers("class Step(Worker):\n    serial = True\n    def perform(self, n):\n        say(n, self.job.attempt)\n        gate()\n")
    rig.enqueue_many("Step", 3)
    rig.start()
    rig.until(lambda: rig.said, "for the first job")
    os.kill(rig.worker_of("Step"), signal.SIGKILL)
    rig.open_gate()
    rig.until(lambda: len(rig.said) == 4, "for all jobs")
    assert rig.said == ["0 1", "0 2", "1 1", "2 1"]


EVERYTHING = """
class First(Worker):
    def perform(self):
        say("first")

class Then(Worker):
    queue = "after"
    def perform(self):
        say("then")

class Fails(Worker):
    max_retries = 0
    def perform(self):
        raise ValueError("no")

class Ticks(Worker):
    schedule = cron("0 0 1 1 *", missed="once")
    def perform(self):
        say("tick")
"""


def test_all_that_a_person_asks_for_is_answered(rig: Rig, cluster: ClusterNodes) -> None:
    rig.workers("from exqueue import cron\n" + EVERYTHING)
    rig.client(
        "app.enqueue(jobs.First.options(then=[jobs.Then.options().call()]))\n"
        "app.enqueue_many(jobs.Fails.options(key='k'), [call(), call()])\n"
        "app.enqueue(jobs.First.options(delay=3600))"
    )
    last = f"{int((time.time() - 700 * 86_400) * 1000)} UTC 0 0 1 1 *"  # its last tick is almost two years ago
    rig.app.channel.ask([("HSET", rig.app.store.keys("Ticks")["schedules"], "jobs:Ticks", last)])
    rig.start()
    rig.until(lambda: sorted(rig.said) == ["first", "then", "tick"], "for the chain and the schedule")
    rig.until(lambda: json.loads(rig.command("failed", "list", "--json")), "for the failure")
    status = {each["queue"]: each for each in json.loads(rig.command("status", "--json"))["queues"]}
    assert {name: (each["completed"], each["failed"], each["waiting"], each["delayed"]) for name, each in status.items()} == {
        "First": (1, 0, 0, 1), "after": (1, 0, 0, 0), "Fails": (0, 1, 1, 0), "Ticks": (1, 0, 0, 0),
    }  # fmt: skip
    assert len({cluster.owner(f"{{{name}}}").port for name in status}) > 1
    assert [each["key"] for each in json.loads(rig.command("blocked", "list", "--json"))] == ["k"]
    assert "Ticks" in rig.command("schedule", "list")
    assert rig.command("failed", "delete", "--all", "--yes") == "deleted 1 job(s)\n"
    names = [event.name for event in rig.app.events(history=True).past()]
    assert (names.count("enqueued"), names.count("completed"), names.count("deleted")) == (6, 3, 1)
