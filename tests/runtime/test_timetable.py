"""A runner looks at its schedules: what it records, what it fires, and what stands in its way. The clock is the test's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.codec import decode, load
from exqueue.model.envelope import Envelope
from exqueue.model.errors import ConfigError, StoreError, StoreUnavailable
from exqueue.model.job import Claim, Terms
from exqueue.model.lifecycle import Place
from exqueue.model.options import Call
from exqueue.model.schedule import Cron, Missed, Recorded, cron
from exqueue.model.signing import Keys, is_signed
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.timetable import Timetable
from exqueue.store.care_reads import CareReader
from exqueue.store.reads import Reader
from exqueue.store.steps import Store
from tests.model.workers import Daily
from tests.store.kit import BODY, HEADER

SEVEN = cron("0 7 * * *")
HOUR = 3_600_000
DAILY = "tests.model.workers:Daily"


def ms(moment: str) -> int:
    return int(datetime.fromisoformat(f"{moment}+00:00").timestamp() * 1000)


class Clocked(Reader):
    """A reader whose server has the time that the test says."""

    now = "2026-11-22T12:00"

    def schedules(self, queue: str) -> tuple[int, dict[str, Recorded]]:
        return ms(self.now), super().schedules(queue)[1]


class Runner:
    """What a runner with these workers does about schedules."""

    def __init__(self, app: Exqueue, *specs: WorkerSpec, store: Store | None = None, envelope: Envelope | None = None) -> None:
        self.app = app
        self.reader = Clocked(app.channel, app.settings.namespace)
        self.timetable = Timetable(store or app.store, self.reader, specs, envelope)
        for spec in specs:
            app.store.announce(spec.queue)

    def look(self, now: str) -> list[str]:
        """Look at that time (day 1 is November 22nd); all jobs there are then."""
        self.reader.now = f"2026-11-{now}"
        self.timetable.look()
        return jobs(self.app)


def spec(schedule: Cron | None = SEVEN, name: str = DAILY, queue: str = "Daily") -> WorkerSpec:
    return WorkerSpec(name, queue, 1, 3, schedule=schedule)


def jobs(app: Exqueue) -> list[str]:
    return [job.id for queue in app.queues() for job in queue.jobs(Place.PENDING)]


def records(app: Exqueue, queue: str = "Daily") -> dict[str, Recorded]:
    return app.reader.schedules(queue)[1]


def test_a_schedule_seen_first_is_recorded_and_fires_nothing_of_the_past(app: Exqueue) -> None:
    assert Runner(app, spec()).look("23T07:00:01") == []
    assert records(app) == {DAILY: Recorded(ms("2026-11-23T07:00:01"), "UTC", "0 7 * * *")}


def test_each_tick_fires_once_it_has_come(app: Exqueue) -> None:
    runner = Runner(app, spec())
    seen = [runner.look(now) for now in ("22T12:00", "23T06:59:59", "23T07:00:00", "23T07:00:01", "24T07:00:01")]
    monday, tuesday = "Daily-20261123T0700Z", "Daily-20261124T0700Z"
    assert seen == [[], [], [monday], [monday], [monday, tuesday]]
    assert records(app) == {DAILY: Recorded(ms("2026-11-24T07:00"), "UTC", "0 7 * * *")}


def test_what_fires_is_a_job_of_the_worker_without_arguments(app: Exqueue) -> None:
    runner = Runner(app, spec())
    runner.look("22T12:00")
    runner.look("23T07:00:01")
    app.store.register("Daily", "s", "{}", "r")
    claim = app.store.claim("Daily", "s", "s/1")
    assert isinstance(claim, Claim)
    assert (claim.header.at, decode(claim.header, claim.body, {})) == (ms("2026-11-23T07:00:01"), (Daily, Call()))


def test_what_fires_is_signed_where_the_runner_has_keys(app: Exqueue) -> None:
    envelope = Envelope(app.settings.namespace, Keys.parse("the only key of this test"))
    runner = Runner(app, replace(spec(), keep=60.0, terms=Terms(key="*", blocks=True).encode()), envelope=envelope)
    runner.look("22T12:00")
    runner.look("23T07:00:01")
    app.store.register("Daily", "s", "{}", "r")
    claim = app.store.claim("Daily", "s", "s/1")
    assert isinstance(claim, Claim)
    assert (is_signed(claim.body), load(claim, {}, envelope, [])) == (True, (Daily, Call()))


def test_a_runner_that_looks_while_another_is_about_to_fire_makes_no_second_job(app: Exqueue) -> None:
    class Slow(Store):
        def fire(self, *args: object) -> str:
            other.look("23T07:00:02")
            return super().fire(*args)  # type: ignore[arg-type]

    other, slow = Runner(app, spec()), Runner(app, spec(), store=Slow(app.channel, app.settings.namespace))
    slow.look("22T12:00")
    assert slow.look("23T07:00:01") == ["Daily-20261123T0700Z"]


@pytest.mark.parametrize(("missed", "made"), [("once", ["Daily-20261125T0700Z"]), ("skip", [])])
def test_ticks_missed_while_no_runner_was_up(app: Exqueue, missed: Missed, made: list[str]) -> None:
    schedule = cron("0 7 * * *", missed=missed)
    Runner(app, spec(schedule)).look("22T12:00")
    late = Runner(app, spec(schedule))
    assert (late.look("25T12:00"), late.look("25T12:01"), late.look("26T07:00:30")) == (made, made, [*made, "Daily-20261126T0700Z"])


def test_a_runner_that_dies_before_it_has_fired_leaves_the_tick_to_the_next(app: Exqueue) -> None:
    class Dying(Store):
        def fire(self, *args: object) -> str:
            raise StoreUnavailable("gone")

    Runner(app, spec()).look("22T12:00")
    with pytest.raises(StoreUnavailable):
        Runner(app, spec(), store=Dying(app.channel, app.settings.namespace)).look("23T07:00:01")
    assert Runner(app, spec()).look("23T07:00:02") == ["Daily-20261123T0700Z"]


def test_a_schedule_that_changed_starts_anew(app: Exqueue) -> None:
    Runner(app, spec()).look("20T12:00")
    changed = Runner(app, spec(cron("0 6 * * *")))
    assert (changed.look("23T06:30"), changed.look("24T06:00:01")) == ([], ["Daily-20261124T0600Z"])


def test_while_two_versions_run_side_by_side_each_fires_its_ticks(app: Exqueue) -> None:
    old, new = Runner(app, spec()), Runner(app, spec(cron("30 7 * * *")))
    for now in ("22T12:00", "23T07:00:01", "23T07:30:01", "24T07:00:01"):
        old.look(now)
        new.look(now)
    assert jobs(app) == ["Daily-20261123T0700Z", "Daily-20261123T0730Z", "Daily-20261124T0700Z"]


@pytest.mark.parametrize("without", [[spec(None)], [spec(None), spec(SEVEN, "app:Other")]], ids=["none", "another"])
def test_a_schedule_that_was_taken_from_its_worker_is_forgotten(app: Exqueue, without: list[WorkerSpec]) -> None:
    Runner(app, spec()).look("22T12:00")
    runner = Runner(app, *without)
    assert (runner.look("22T12:00"), DAILY in records(app)) == ([], False)
    Runner(app, spec()).look("22T12:01")
    runner.look("22T12:02")
    assert DAILY in records(app)  # a runner that still knows it may be up


def test_a_record_that_vanished_is_made_anew(app: Exqueue) -> None:
    runner = Runner(app, spec())
    runner.look("22T12:00")
    app.store.unschedule("Daily", DAILY)
    assert (runner.look("23T07:00:01"), runner.look("24T07:00:01")) == ([], ["Daily-20261124T0700Z"])


def test_without_schedules_nothing_is_asked_after_the_first_look(app: Exqueue, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Runner(app, spec(None), spec(None, "app:Other", "Other"))
    runner.look("22T12:00")
    monkeypatch.delattr(Clocked, "schedules")
    monkeypatch.delattr(CareReader, "schedules")
    runner.timetable.look()


def test_when_the_clock_is_set_back_ticks_fire_that_have_not_and_no_other(app: Exqueue, caplog: pytest.LogCaptureFixture) -> None:
    runner = Runner(app, spec(cron("0 * * * *")))
    runner.look("22T12:00")
    seen = [runner.look(f"22T{now}")[-1] for now in ("13:00:01", "16:00:01", "14:30", "15:00:01", "16:00:02", "17:00:01")]
    assert [job.removeprefix("Daily-20261122T") for job in seen] == ["1300Z", "1600Z", "1600Z", "1500Z", "1500Z", "1700Z"]
    assert _logged(caplog, logging.WARNING) == [
        f"the clock of Redis was set back behind the last tick of {DAILY}; what has fired does not fire again",
        f"{DAILY} is due, but there is a job Daily-20261122T1600Z in Daily already; none was enqueued",
    ]


def test_workers_of_one_name_in_one_queue_are_told_apart(app: Exqueue) -> None:
    runner = Runner(app, spec(name="a:Sync", queue="Sync"), spec(name="b:Sync", queue="Sync"), spec(name="b:Sync", queue="Other"))
    runner.look("22T12:00")
    assert runner.look("23T07:00:01") == ["Sync-20261123T0700Z", "a:Sync-20261123T0700Z", "b:Sync-20261123T0700Z"]


def test_an_id_that_is_taken_is_told(app: Exqueue, caplog: pytest.LogCaptureFixture) -> None:
    runner = Runner(app, spec())
    runner.look("22T12:00")
    app.store.enqueue("Daily", [NewJob("Daily-20261123T0700Z", HEADER, BODY)])
    assert runner.look("23T07:00:01") == ["Daily-20261123T0700Z"]
    assert _logged(caplog, logging.WARNING) == [
        f"{DAILY} is due, but there is a job Daily-20261123T0700Z in Daily already; none was enqueued"
    ]


def test_a_queue_that_cannot_be_looked_at_keeps_no_other_from_firing(app: Exqueue, caplog: pytest.LogCaptureFixture) -> None:
    runner = Runner(app, spec(), spec(name="app:Zoo", queue="Zoo"))
    runner.look("22T12:00")
    key = app.store.keys("Daily")["schedules"]
    app.channel.ask([("RENAME", key, "saved"), ("SET", key, "foreign")])
    assert (runner.look("23T07:00:01"), runner.look("23T07:00:02")) == (["Zoo-20261123T0700Z"], ["Zoo-20261123T0700Z"])
    app.channel.ask([("RENAME", "saved", key)])
    assert runner.look("23T07:00:03") == ["Daily-20261123T0700Z", "Zoo-20261123T0700Z"]
    app.channel.ask([("SET", key, "foreign")])
    runner.look("23T07:00:04")
    told = [line.partition(": ")[0] for line in _logged(caplog, logging.ERROR)]
    assert told == ["cannot fire the schedules of Daily, will go on trying"] * 2  # once each time it began
    app.channel.ask([("DEL", key)])


@pytest.mark.parametrize("step", ["schedules", "schedule", "fire", "unschedule"])
def test_a_server_that_cannot_be_reached_is_the_runner_s_business(app: Exqueue, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def gone(*args: object) -> None:
        raise StoreUnavailable("gone")

    act: dict[str, Callable[[], object]] = {
        "schedules": lambda: Runner(app, spec()).look("22T12:00"),
        "schedule": lambda: Runner(app, spec(name="app:New")).look("22T12:00"),
        "fire": lambda: Runner(app, spec()).look("23T07:00:01"),
        "unschedule": lambda: Runner(app, spec(None)).look("22T12:00"),
    }
    Runner(app, spec()).look("22T12:00")
    monkeypatch.setattr(Clocked if step == "schedules" else Store, step, gone)
    with pytest.raises(StoreError):
        act[step]()


def test_a_zone_that_is_unknown_to_the_runner_is_told_before_it_begins(app: Exqueue) -> None:
    with pytest.raises(ConfigError, match=r"Daily\.schedule: there is no time zone 'Mars'"):
        Runner(app, spec(cron("0 7 * * *", tz="Mars")))


def _logged(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]
