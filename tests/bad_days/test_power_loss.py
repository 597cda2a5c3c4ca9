"""Power loss: of the append-only file only what was synced is left. What is lost is the last of it, and nothing is stuck.

POWER=50 does as many rounds instead of two, and prints what each has lost.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreError
from exqueue.model.job import Counts
from exqueue.store.invariants import broken
from tests.bad_days.jobs import SAY, put
from tests.bad_days.server import BadServer, Power
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

ROUNDS: Final = int(os.environ.get("POWER", "2"))
QUICK = """
class Say(Worker):
    processes = 2
    def perform(self):
        say(self.job.id)
"""
ALONE = SAY.replace("processes = 2", "processes = 1")


class Producer(threading.Thread):
    """Enqueues until the server is gone. `told`: the ids that were acknowledged, in order, and when."""

    def __init__(self, app: Exqueue, prefix: str) -> None:
        super().__init__()
        self._app = Exqueue(settings=replace(app.settings, patience=0.1))
        self._prefix = prefix
        self.told: list[tuple[str, float]] = []

    def run(self) -> None:
        with contextlib.suppress(StoreError):
            while True:
                number = len(self.told)
                put(self._app, job_id := f"{self._prefix}-{number}", key=f"k{number % 7}" if number % 2 else "")
                self.told.append((job_id, time.monotonic()))


@dataclass(frozen=True)
class Loss:
    """What was acknowledged before the power was lost, what of it is gone, and how old that was, s."""

    told: list[str]
    lost: list[str]
    oldest: float


@pytest.fixture(params=["always", "everysec"])
def power(request: pytest.FixtureRequest, tmp_path: Path, shim: Path) -> Iterator[Power]:
    server = Power(tmp_path / "data", shim, "--appendfsync", request.param)
    server.start()
    yield server
    server.close()


@pytest.fixture
def power_rig(tmp_path: Path, power: Power) -> Iterator[Rig]:
    rig = Rig(tmp_path, power.url)
    yield rig
    rig.close()


@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_what_was_synced_is_there_and_the_rest_is_consistent_and_goes_on(power: Power, power_rig: Rig) -> None:
    rig, chance = power_rig, random.Random(5)
    rig.workers(QUICK)
    rig.start()
    for number in range(ROUNDS):
        loss = lose_power(power, rig, f"r{number}", chance.randrange(1000))
        print(f"{power.options[1]}: {len(loss.lost)} of {len(loss.told)} acknowledged jobs lost, of the last {loss.oldest:.2f} s")
        assert loss.lost == loss.told[len(loss.told) - len(loss.lost) :]
        assert power.options[1] != "always" or loss.lost == []
        rig.until(lambda: rig.app.queue("Say").counts().unfinished == 0, "for what is left to be done")
    kept = rig.app.queue("Say").counts()
    assert (kept.adds_up, kept.completed, kept.failed) == (True, kept.enqueued, 0)


def lose_power(power: Power, rig: Rig, prefix: str, more: int) -> Loss:
    """Enqueue until there was a sync and so many more were acknowledged, then lose the power and have it again."""
    producer, before = Producer(rig.app, prefix), sum(power.synced().values())
    producer.start()
    rig.until(lambda: sum(power.synced().values()) > before, "for a sync")
    enough = len(producer.told) + more
    rig.until(lambda: len(producer.told) >= enough)
    power.lose_power()
    ended = time.monotonic()
    producer.join()
    power.start()
    assert broken(rig.app.channel, rig.app.settings.namespace) == []
    known = all_ids(rig)
    lost = {job_id: at for job_id, at in producer.told if job_id not in known}
    return Loss([job_id for job_id, _ in producer.told], list(lost), ended - min(lost.values(), default=ended))


def all_ids(rig: Rig) -> set[str]:
    """Those there are, and those that have succeeded; asked for in that order, for that is how jobs go meanwhile."""
    keys = rig.app.store.keys("Say")
    replies = rig.app.channel.ask([("HKEYS", keys["jobs"]), ("SMEMBERS", keys["recent"]), ("SMEMBERS", keys["older"])])
    return {raw.decode() for reply in replies for raw in reply}


def restored(server: BadServer, sizes: dict[str, int]) -> None:
    """It loses its power, and what it has written since the moment of these sizes."""
    server.kill()
    server.cut(sizes)
    server.start()


def test_the_result_of_a_start_that_was_lost_is_refused_and_the_job_runs_again(server: BadServer, rig: Rig) -> None:
    rig.workers(ALONE)
    put(rig.app, "slow")
    before = server.sizes()
    rig.start()
    rig.until(lambda: rig.said == ["begin slow"])
    restored(server, before)
    rig.open_gate("slow")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=1, completed=1))
    assert (rig.said, rig.log.count("its result is dropped")) == (["begin slow", "end slow"] * 2, 1)


def test_of_a_key_what_was_lost_runs_again_in_order(server: BadServer, rig: Rig) -> None:
    rig.workers(ALONE)
    put(rig.app, "slow1", "slow2", key="k")
    rig.start()
    rig.until(lambda: rig.said == ["begin slow1"])
    before = server.sizes()
    rig.open_gate("slow1")
    rig.until(lambda: rig.said[1:] == ["end slow1", "begin slow2"])
    restored(server, before)  # to where the first one ran
    rig.open_gate("slow2")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=2, completed=2))
    assert (rig.said, rig.log.count("its result is dropped")) == (["begin slow1", "end slow1", "begin slow2", "end slow2"] * 2, 1)


def test_a_recovery_that_was_lost_is_done_again(server: BadServer, rig: Rig) -> None:
    rig.workers(ALONE)
    put(rig.app, "slow")
    rig.start()
    rig.until(lambda: rig.said == ["begin slow"])
    before = server.sizes()
    os.kill(rig.worker_of("Say"), signal.SIGKILL)
    rig.until(lambda: rig.said == ["begin slow"] * 2)
    restored(server, before)  # to where the process that is dead ran it
    rig.open_gate("slow")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=1, completed=1))
    assert rig.said.count("end slow") == 2
    assert "its result is dropped" in rig.log


def test_a_job_that_was_lost_is_accepted_again_by_its_id(server: BadServer, rig: Rig) -> None:
    before = server.sizes()
    put(rig.app, "a")
    restored(server, before)
    put(rig.app, "a")
    put(rig.app, "a")
    assert (rig.app.queue("Say").counts(), rig.app.reader.queues()) == (Counts(enqueued=1, pending=1), ["Say"])
