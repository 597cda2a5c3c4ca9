"""Two thousand jobs, twenty kill -9 of worker processes and three of the runner: each job runs, none is missing."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter

import pytest

from exqueue.model.job import Counts
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

JOBS = 2000


@pytest.mark.timeout(120)
def test_two_thousand_jobs_survive_a_storm_of_kills(rig: Rig) -> None:
    rig.workers("""
class Step(Worker):
    processes = 3
    max_crashes = 1000
    def perform(self, n):
        say(n)
        time.sleep(0.002)
""")
    rig.enqueue_many("Step", JOBS)
    runner, chance = rig.start(), random.Random(20)
    blows = ["worker"] * 20 + ["runner"] * 3
    chance.shuffle(blows)
    for number, blow in enumerate(blows, 1):
        due = number * JOBS // (len(blows) + 2)  # spread over the whole run, by what has been done
        rig.until(lambda due=due: rig.app.queue("Step").counts().completed >= due)  # type: ignore[misc]
        if blow == "runner":
            runner.kill()
            runner.wait()
            runner = rig.start()
        else:
            kill_one(rig, chance)
    rig.until(lambda: rig.app.queue("Step").counts().unfinished == 0)
    rig.stop(runner)
    runs = Counter(map(int, rig.said))
    assert (set(runs), rig.app.queue("Step").counts()) == (set(range(JOBS)), Counts(enqueued=JOBS, completed=JOBS))
    assert sum(runs.values()) - JOBS <= 20 + 3 * 3  # run again: at most those that were cut off


def kill_one(rig: Rig, chance: random.Random) -> None:
    while True:
        rig.until(lambda: rig.pids("Step"))
        try:
            os.kill(chance.choice(rig.pids("Step")), signal.SIGKILL)
            return
        except (ProcessLookupError, IndexError):
            continue
