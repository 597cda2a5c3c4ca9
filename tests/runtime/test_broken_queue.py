"""A key of the wrong type in one queue holds up that queue alone, in a real runner."""

from __future__ import annotations

import re
import time

import pytest

from exqueue.runtime.host import start_time
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

TWO = """
class Well(Worker):
    def perform(self, name):
        say("begin", name)
        if name == "long":
            gate()
        say("end", name)

class Ill(Worker):
    def perform(self, name):
        say("ill", name)
"""


def foul(rig: Rig, key: str) -> None:
    rig.app.channel.ask([("DEL", rig.app.store.keys("Ill")[key]), ("SET", rig.app.store.keys("Ill")[key], "x")])


def mend(rig: Rig, key: str) -> None:
    rig.app.channel.ask([("DEL", rig.app.store.keys("Ill")[key])])


def lines(rig: Rig, *words: str) -> list[str]:
    log = re.sub(r"(?m)^\S+ \S+ (\w+) +", r"\1 ", rig.log)  # no times
    return [line for line in log.splitlines() if any(word in line for word in words)]


@pytest.mark.parametrize("key", ["slots", "beats"])
def test_only_the_worker_processes_of_the_queue_are_killed_and_they_are_started_again_when_it_is_mended(rig: Rig, key: str) -> None:
    rig.workers(TWO)
    rig.start("--lease", "2")
    rig.enqueue("Well", "long")
    rig.until(lambda: rig.said == ["begin long"] and rig.pids("Ill"))
    (ill,), (well,) = rig.pids("Ill"), rig.pids("Well")
    foul(rig, key)
    rig.until(lambda: not start_time(ill), "for the process of the broken queue to be killed")
    later = time.monotonic() + 3  # more than a lease
    rig.until(lambda: time.monotonic() > later)
    rig.open_gate()
    rig.enqueue("Well", "next")
    rig.until(lambda: rig.said == ["begin long", "end long", "begin next", "end next"])
    assert (rig.pids("Well"), len(lines(rig, "no beat for", "has not beaten"))) == ([well], 1)
    mend(rig, key)
    rig.enqueue("Ill", "job")
    rig.until(lambda: rig.said[4:] == ["ill job"])
    rig.until(lambda: lines(rig, "again"))
    said = lines(rig, f"ERROR [{rig.runners[0].pid}] cannot"), lines(rig, " again")
    assert ([len(found) for found in said], f"{{Ill}}:{key} is a string" in said[0][0], rig.pids("Well")) == ([1, 1], True, [well])


def test_a_runner_begins_with_the_other_queues_and_with_that_one_when_it_is_mended(rig: Rig) -> None:
    rig.workers(TWO)
    foul(rig, "slots")
    runner = rig.start("--lease", "2")
    rig.enqueue("Well", "job")
    rig.until(lambda: rig.said == ["begin job", "end job"])
    mend(rig, "slots")
    rig.enqueue("Ill", "job")
    rig.until(lambda: rig.said[2:] == ["ill job"] and lines(rig, " again"))
    assert (rig.stop(runner), len(lines(rig, f"[{runner.pid}] cannot ")), len(lines(rig, " again"))) == (0, 1, 1)


def test_a_runner_whose_only_queue_is_broken_does_not_start(rig: Rig) -> None:
    rig.workers(TWO)
    foul(rig, "slots")
    assert rig.start(target="jobs:Ill").wait(30) == 3
    mend(rig, "slots")


@pytest.mark.parametrize("words", [["--burst"], []])
def test_while_a_key_is_wrong_a_runner_that_is_about_to_end_says_so_once(rig: Rig, words: list[str]) -> None:
    rig.workers(TWO)
    foul(rig, "failed")
    runner = rig.start(*words)
    rig.enqueue("Well", "long")
    rig.until(lambda: rig.said == ["begin long"])
    if not words:
        runner.terminate()
    later = time.monotonic() + 2  # several turns
    rig.until(lambda: time.monotonic() > later)
    mend(rig, "failed")
    rig.open_gate()
    assert (runner.wait(30), len(lines(rig, f"[{runner.pid}] cannot ")), lines(rig, "Redis answers again", "cannot look after")) == (
        0,
        1,
        [],
    )
