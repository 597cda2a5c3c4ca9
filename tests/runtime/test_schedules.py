"""Schedules on real runners: one job a tick, by however many of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from exqueue.model.job import Counts
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow

YEARLY = """
from exqueue import cron
class Yearly(Worker):
    processes = 2
    schedule = cron("{minute} {hour} {day} {month} *", missed={missed!r})
    def perform(self):
        say(self.job.id)
class Plain(Worker):
    def perform(self):
        say('plain')
"""


def schedule(rig: Rig, missed: str = "once") -> str:
    """A tick of two minutes ago, which comes again in a year; the id of its job."""
    tick = datetime.now(UTC) - timedelta(minutes=2)
    rig.workers(YEARLY.format(minute=tick.minute, hour=tick.hour, day=tick.day, month=tick.month, missed=missed))
    return f"Yearly-{tick:%Y%m%dT%H%MZ}"


def look_back(rig: Rig) -> None:
    """Let the last tick have been almost two years ago."""
    expression = next(line for line in (rig.directory / "jobs.py").read_text().splitlines() if "cron(" in line).split('"')[1]
    record = f"{int((time.time() - 700 * 86_400) * 1000)} UTC {expression}"
    rig.app.channel.ask([("HSET", rig.app.store.keys("Yearly")["schedules"], "jobs:Yearly", record)])


def test_two_runners_at_once_make_one_job_of_what_was_missed(rig: Rig) -> None:
    job = schedule(rig)
    look_back(rig)
    runners = [rig.start("--burst"), rig.start("--burst")]
    assert [runner.wait(60) for runner in runners] == [0, 0]
    assert (rig.said, rig.app.queue("Yearly").counts()) == ([job], Counts(enqueued=1, completed=1))
    assert rig.log.count(f"jobs:Yearly is due: enqueued {job}") == 1


def test_what_was_missed_is_dropped_if_the_worker_says_so(rig: Rig) -> None:
    schedule(rig, "skip")
    look_back(rig)
    assert (rig.burst(), rig.said, rig.app.queue("Yearly").counts()) == (0, [], Counts())


def test_a_runner_fires_while_it_runs(rig: Rig) -> None:
    job = schedule(rig)
    runner = rig.start()
    rig.until(lambda: rig.app.reader.schedules("Yearly")[1], "for its first look")
    look_back(rig)
    rig.until(lambda: rig.said == [job], "for the tick")
    assert (rig.stop(runner), rig.app.queue("Yearly").counts()) == (0, Counts(enqueued=1, completed=1))


def test_a_runner_records_its_schedules_and_forgets_what_has_none_any_more(rig: Rig) -> None:
    schedule(rig)
    rig.app.store.schedule("Plain", "jobs:Plain", 5, "UTC * * * * *")
    rig.burst()
    assert [sorted(rig.app.reader.schedules(queue)[1]) for queue in ("Plain", "Yearly")] == [[], ["jobs:Yearly"]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('schedule = cron("0 7 * *")', "Bad.schedule: '0 7 * *' has 4 fields; a cron expression has five"),
        ('schedule = cron("0 7 * * *", tz="Mars")', "Bad.schedule: there is no time zone 'Mars'"),
        ('schedule = "0 7 * * *"', "Bad.schedule is '0 7 * * *'; use cron("),
    ],
)
def test_a_runner_does_not_begin_with_a_schedule_that_cannot_be(rig: Rig, line: str, said: str) -> None:
    rig.workers(f"from exqueue import cron\nclass Bad(Worker):\n    {line}\n    def perform(self): pass\n")
    assert (rig.burst(), rig.log.count("\n"), said in rig.log) == (2, 1, True)
