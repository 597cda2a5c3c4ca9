"""fsck beside a storm of kills finds nothing where nothing is wrong; what it repairs there, runners that work go on with."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from exqueue.app import Exqueue
from exqueue.store.fsck import check
from exqueue.store.repair import Repair
from exqueue.store.rules import Finding
from tests.runtime.rig import Rig
from tests.runtime.storm import Storm, by_key, kept, out_of_order

pytestmark = pytest.mark.slow

JOBS, KEYS = 2000, 30
ROUNDS = 20


class Watcher(threading.Thread):
    """Somebody who runs fsck all the time, over a connection of their own."""

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self.app = Exqueue(settings=rig.app.settings)
        self.found: list[Finding] = []
        self.rounds = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            self.found += check(self.app.store)
            self.rounds += 1

    def end(self) -> None:
        self.ended.set()
        self.join()
        self.app.close()


@pytest.mark.timeout(180)
def test_a_storm_of_kills_is_no_finding(rig: Rig) -> None:
    storm, watcher = Storm(rig), Watcher(rig)
    producer = storm.pour(JOBS, KEYS, bad_each=500)
    watcher.start()
    try:
        storm.begin()
        storm.rage(workers=8, runners=2, until=JOBS // 2)
        rig.until(lambda: watcher.rounds >= ROUNDS and producer.poll() == 0, "for fsck to have looked often enough")
    finally:
        watcher.end()
    storm.end()
    assert (watcher.found, out_of_order(storm.notes(), kept(rig, "Step"))) == ([], [])


def lose_places(rig: Rig, ids: list[str]) -> None:
    """Take jobs out of the line."""
    for job_id in ids:
        rig.app.channel.ask([("LREM", rig.app.store.keys("Step")["pending"], 0, job_id)])


def heads(rig: Rig) -> list[bytes]:
    """Those at the heads of their keys: they wait in the line, or run."""
    found: list[bytes] = rig.app.channel.ask([("HVALS", rig.app.store.keys("Step")["heads"])])[0]
    return found


DAMAGE: dict[str, Callable[[Rig], object]] = {
    "doubled": lambda rig: rig.app.channel.ask([("RPUSH", rig.app.store.keys("Step")["pending"], *heads(rig))]),
    "heads": lambda rig: rig.app.channel.ask([("DEL", rig.app.store.keys("Step")["heads"])]),
    "counters": lambda rig: rig.app.channel.ask([("HSET", rig.app.store.keys("Step")["counters"], "completed", "x")]),
    "bell": lambda rig: rig.app.channel.ask([("RPUSH", rig.app.store.keys("Step")["pending"], "!", "!")]),
}  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize("harm", DAMAGE.values(), ids=DAMAGE)
def test_what_is_repaired_while_runners_work_is_run_in_order(rig: Rig, harm: Callable[[Rig], object]) -> None:
    storm = Storm(rig)
    storm.pour(600, 20).wait()
    storm.begin()
    rig.until(lambda: storm.done() >= 100)
    harm(rig)
    list(Repair(rig.app.store, ["Step"]).run())
    rig.until(lambda: storm.done() >= 600)
    storm.end()
    ends = {key: sorted(set(numbers)) for key, numbers in by_key(storm.notes(), "end").items()}
    assert (list(check(rig.app.store)), sum(map(len, ends.values()))) == ([], 600)


@pytest.mark.timeout(120)
def test_a_job_that_lost_its_place_waits_for_a_person_and_all_others_run(rig: Rig) -> None:
    rig.workers("""
class Step(Worker):
    processes = 2
    def perform(self, n):
        say(n)
        time.sleep(0.002)
""")
    ids = rig.enqueue_many("Step", 500)
    runner = rig.start()
    rig.until(lambda: len(rig.said) > 50)
    lost = rig.line_up("Step")[-20:]
    lose_places(rig, lost)
    said = rig.exqueue("--url", rig.app.settings.url, "--namespace", rig.app.settings.namespace, "fsck", "--repair")
    rig.until(lambda: rig.app.queue("Step").counts().unfinished == 0)
    assert ({job.id for job in rig.app.failed()}, {job.errors[-1].reason for job in rig.app.failed()}) == (set(lost), {"lost"})
    assert said.splitlines()[-1] == "20 repaired; all is well"
    rig.app.failed().requeue()
    rig.until(lambda: rig.app.queue("Step").counts().completed == len(ids))
    rig.stop(runner)
    assert sorted(map(int, rig.said)) == [*range(500)]
