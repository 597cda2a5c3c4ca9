"""The clock of the server, or of a host, steps by an hour while all run: nobody is taken for dead, and nothing stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue.model.job import Counts
from tests.bad_days.jobs import SAY, has_run, put
from tests.bad_days.server import BadServer, Clock
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

HOUR = 3600
each_way = pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["ahead", "back"])
ONCE = """
class Once(Worker):
    backoff = constant(0.2)
    timeout = 1000
    rate = "2/hour"
    def perform(self):
        say('begin', self.job.id)
        if self.job.attempt == 1:
            raise ValueError('once')
        say('end', self.job.id)
"""


@pytest.fixture
def clock(tmp_path: Path, shim: Path) -> Clock:
    return Clock(tmp_path, shim)


@pytest.fixture
def wrong(tmp_path: Path, clock: Clock) -> Iterator[BadServer]:
    """A server that goes by this clock."""
    server = BadServer(tmp_path / "data", "--appendfsync", "always", **clock.environment)
    server.start()
    yield server
    server.close()


@pytest.fixture
def wrong_rig(tmp_path: Path, wrong: BadServer) -> Iterator[Rig]:
    rig = Rig(tmp_path, wrong.url)
    yield rig
    rig.close()


def let_beat(rig: Rig, times: int) -> None:
    """Wait until each runner has beaten so often."""
    before = rig.app.reader.beats("Say")
    rig.until(lambda: all(int(beat) >= int(before[runner]) + times for runner, beat in rig.app.reader.beats("Say").items()))


def nobody_was_taken_for_dead(rig: Rig) -> bool:
    return not any(word in rig.log for word in ("took over", "taken over", "crash", "dropped", "no beat"))


@each_way
def test_a_step_of_the_servers_clock_kills_nobody_and_holds_nothing_up(clock: Clock, wrong_rig: Rig, step: int) -> None:
    rig = wrong_rig
    rig.workers(SAY)
    rig.start("--lease", "2")
    rig.start("--lease", "2", EXQUEUE_HOST_ID="elsewhere")
    put(rig.app, "slow1", "slow2", "slow3")
    rig.until(lambda: len(rig.said) == 3 and len(rig.app.reader.beats("Say")) == 2)
    for number, wrong_by in enumerate((step, 0)):  # a step, and back to where it was
        clock.step(wrong_by)
        let_beat(rig, 11)  # more than a lease
        put(rig.app, f"next{number}")
        rig.until(lambda number=number: has_run(rig, f"next{number}"))  # type: ignore[misc]
    for number in (1, 2, 3):
        rig.open_gate(f"slow{number}")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=5, completed=5))
    assert (len(rig.said), nobody_was_taken_for_dead(rig)) == (10, True)


@each_way
def test_a_step_of_a_hosts_clock_changes_nothing(clock: Clock, rig: Rig, step: int) -> None:
    rig.workers(SAY)
    rig.start("--lease", "2", **clock.environment)
    rig.start("--lease", "2", EXQUEUE_HOST_ID="elsewhere")
    put(rig.app, "slow1", "slow2", "slow3")
    put(rig.app, "later", delay_ms=600_000)
    rig.until(lambda: len(rig.said) == 3 and len(rig.app.reader.beats("Say")) == 2)
    clock.step(step)
    let_beat(rig, 11)
    for number in (1, 2, 3):
        rig.open_gate(f"slow{number}")
    put(rig.app, "next")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=5, completed=4, delayed=1))
    assert (len(rig.said), nobody_was_taken_for_dead(rig)) == (8, True)


def test_what_is_delayed_follows_the_clock_of_the_server(clock: Clock, wrong_rig: Rig) -> None:
    rig = wrong_rig
    rig.workers(SAY)
    rig.start()
    put(rig.app, "in-an-hour", delay_ms=HOUR * 1000)
    clock.step(-HOUR)
    put(rig.app, "soon", delay_ms=100)  # by the new time
    rig.until(lambda: has_run(rig, "soon"))
    clock.step(HOUR)
    rig.until(lambda: has_run(rig, "in-an-hour"))


@each_way
def test_a_retry_and_a_rate_go_on_by_the_new_time(clock: Clock, wrong_rig: Rig, step: int) -> None:
    rig = wrong_rig
    rig.workers(ONCE)
    rig.start()
    put(rig.app, "a", worker="Once")
    rig.until(lambda: has_run(rig, "a"))  # two starts: no other for an hour
    put(rig.app, "b", worker="Once")
    clock.step(step)
    rig.until(lambda: has_run(rig, "b"))
    assert rig.said == ["begin a", "begin a", "end a", "begin b", "begin b", "end b"]
