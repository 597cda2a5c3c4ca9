"""An older version and this one on the same data: rolled over and back while both are killed, no job is missed, order holds."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from exqueue.store.fsck import check
from tests.runtime.rig import ROOT, Rig
from tests.runtime.storm import WORKERS, by_key, out_of_order
from tests.runtime.storm import Storm as Storming

pytestmark = pytest.mark.slow

OLD: Final = "eaa5ec7"  # a commit before there was a number of the schema
KEYS: Final = 8
TERM, KILL = signal.SIGTERM, signal.SIGKILL

MIXED: Final = (
    WORKERS
    + """
class Other(Worker):
    processes = 2
    max_retries = 1
    backoff = constant(0.01)
    max_crashes = 1000

    def perform(self, what):
        time.sleep(random.random() / 1000)
        if what.endswith("7") and self.job.attempt == 1:
            raise ValueError("once")
        say(what)

def pour_mixed(url, space, who, first_key):
    app, lengths = Exqueue(url, namespace=space), [0] * 100
    n = -1
    while not os.path.exists("enough"):
        n += 1
        what, key = f"{who}-{n}", first_key + n % KEYS
        kind = n % 5
        if kind == 0:
            app.enqueue(Other, what)
        elif kind == 1:
            app.enqueue(Step.options(key=f"k{key}"), f"{key}-{lengths[key]}", key)
            lengths[key] += 1
        elif kind == 2:
            app.enqueue(Other.options(delay=0.2), what)
        elif kind == 3:
            app.enqueue(Other.options(then=[Other.options().call(f"{what}+")]), what)
        else:
            ids = {app.enqueue(Other.options(id=what, unique=what), what).id for _ in range(2)}
            assert ids == {what}, ids
        time.sleep(0.01)
    print(n + 1)
""".replace("KEYS", str(KEYS))
)


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older version; a clone without its history skips the test."""
    made = tmp_path_factory.mktemp("old")
    if shutil.which("git") is None or subprocess.run(["git", "cat-file", "-e", OLD], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("this clone has no history")
    packed = subprocess.run(["git", "archive", OLD, "exqueue"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", made], input=packed, check=True)
    return made


@pytest.fixture
def plain_rig(tmp_path: Path, redis_url: str) -> Iterator[Rig]:
    """On a server without keys for signatures: those are a format of bodies that the old version does not know."""
    rig = Rig(tmp_path, redis_url)
    yield rig
    rig.close()


class Versions:
    """Runners and producers of both versions."""

    def __init__(self, rig: Rig, old: Path) -> None:
        self.rig, self.chance = rig, random.Random(5)
        self._paths = {"old": old, "new": ROOT}
        self.storm = Storming(rig, source=MIXED)
        self.runners: dict[int, subprocess.Popen[bytes]] = {}

    def path(self, version: str) -> str:
        return f"{self._paths[version]}:{self.rig.directory}:{ROOT}"  # the tests are those of this version

    def pour(self, version: str, first_key: int) -> subprocess.Popen[bytes]:
        """Begin to enqueue, with this version."""
        settings = self.rig.app.settings
        code = "import exqueue, sys, jobs; print(exqueue.__file__); jobs.pour_mixed(*sys.argv[1:4], int(sys.argv[4]))"
        words = [sys.executable, "-c", code, settings.url, settings.namespace, version, str(first_key)]
        environment = {**self.rig.environment(), "PYTHONPATH": self.path(version)}
        process = subprocess.Popen(words, cwd=self.rig.directory, env=environment, stdout=subprocess.PIPE)
        self.rig.runners.append(process)
        return process

    def put(self, place: int, version: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End the runner at this place, and start one of this version there."""
        if place in self.runners:
            self.rig.stop(self.runners[place], number)
        self.runners[place] = self.rig.start(PYTHONPATH=self.path(version))
        self.rig.until(lambda: any(slot.runner_pid == self.runners[place].pid for slot in self.rig.app.reader.slots("Other")))

    def hurt(self, count: int) -> None:
        """Kill worker processes of both."""
        for queue in ("Step", "Other") * count:
            self.storm.worker = queue
            self.storm.kill_worker()

    def forward(self, jobs: int) -> None:
        """Let so many jobs more be done."""
        before = self.done()
        self.rig.until(lambda: self.done() >= before + jobs, f"for {jobs} more jobs after {before}")

    def done(self) -> int:
        return sum(self.rig.app.queue(queue).counts().completed for queue in ("Step", "Other"))


@pytest.mark.timeout(180)
def test_an_old_version_and_a_new_one_share_the_work_and_roll_over_and_back(plain_rig: Rig, old: Path) -> None:
    rig = plain_rig
    versions = Versions(rig, old)
    versions.put(0, "old")
    versions.put(1, "old")
    producers = [versions.pour("old", 0), versions.pour("new", 50)]
    for place, version, number in ((0, "new", TERM), (1, "new", KILL), (0, "old", KILL), (1, "old", TERM), (0, "new", TERM)):
        versions.forward(60)
        versions.hurt(1)
        versions.put(place, version, number)
    rig.open_gate("enough")
    told = [process.communicate(timeout=60)[0].decode().split() for process in producers]
    assert [Path(path).parent.parent for path, _ in told] == [old, ROOT]
    poured = {"old": int(told[0][1]), "new": int(told[1][1])}
    total = sum(count + len(range(3, count, 5)) for count in poured.values())
    rig.until(lambda: versions.done() == total, f"for all {total} jobs")
    for runner in versions.runners.values():
        rig.stop(runner)
    others = [
        f"{who}-{n}{more}" for who, count in poured.items() for n in range(count) if n % 5 != 1 for more in ("", "+")[: 1 + (n % 5 == 3)]
    ]
    notes = versions.storm.notes()
    ended = sum(len(set(ends)) for ends in by_key(notes, "end").values())
    assert (set(rig.said), ended + len(others), out_of_order(notes, iter(()))) == (set(others), total, [])
    assert list(check(rig.app.store)) == []
