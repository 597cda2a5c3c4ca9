"""The clock of an app stands still until the test moves it; all that Redis times goes by it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exqueue import enqueue, enqueue_many
from exqueue.model.errors import ConfigError
from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from exqueue.model.options import call
from exqueue.store.channel import Channel
from exqueue.testing import TestApp
from exqueue.testing.fake import Clock, open_fake
from tests.testing.workers import Hourly, Kept, Note, Slow, Troubled

Done = list[object]


def events(app: TestApp, queue: str) -> list[tuple[str, int]]:
    """What has happened, and when, in ms since the beginning of the test."""
    found = app.channel.ask([("XRANGE", app.store.keys(queue)["events"], "-", "+")])[0]
    began = int(found[0][0].split(b"-")[0])
    return [(fields[1].decode(), int(stamp.split(b"-")[0]) - began) for stamp, fields in found]


def test_the_clock_begins_at_the_present_and_is_moved_by_the_test_only(exqueue_app: TestApp) -> None:
    before = exqueue_app.now
    assert abs(before - datetime.now(UTC)) < timedelta(minutes=1)
    time.sleep(0.002)
    assert exqueue_app.now == before
    exqueue_app.advance(90.5)
    exqueue_app.advance(timedelta(days=1))
    assert (exqueue_app.now - before, exqueue_app.reader.now_ms()) == (timedelta(days=1, seconds=90.5), exqueue_app.now.timestamp() * 1000)


def test_each_app_has_a_clock_and_data_of_its_own(exqueue_app: TestApp) -> None:
    other = TestApp()
    other.advance(3600)
    enqueue(Note, "a")
    assert (other.now - exqueue_app.now > timedelta(minutes=59), other.queues(), len(exqueue_app.queues())) == (True, [], 1)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_the_clock_cannot_be_moved_back(exqueue_app: TestApp, seconds: float) -> None:
    with pytest.raises(ConfigError, match="cannot be moved"):
        exqueue_app.advance(seconds)


@pytest.mark.parametrize("later", [{"delay": 60}, {"at": True}])
def test_a_job_is_ready_to_the_millisecond_when_it_is_due(exqueue_app: TestApp, later: dict[str, Any]) -> None:
    options = {"at": exqueue_app.now + timedelta(seconds=60)} if "at" in later else later
    job = enqueue(Note.options(**options), "a")
    exqueue_app.advance(59.999)
    assert (job.state(), exqueue_app.drain()) == (Place.DELAYED, [])
    exqueue_app.advance(0.001)
    assert (job.state(), len(exqueue_app.drain())) == (Place.PENDING, 1)


def test_a_drain_with_delayed_moves_the_clock_from_one_due_time_to_the_next(exqueue_app: TestApp) -> None:
    enqueue_many(Troubled, [call("error"), call("snooze")])
    began = exqueue_app.now
    ran = exqueue_app.drain(with_delayed=True)
    assert [f"{one.args} {one.attempt}" for one in ran] == ["'error' 1", "'snooze' 1", "'error' 2", "'error' 3", "'snooze' 2"]
    assert exqueue_app.now - began == timedelta(seconds=3600)
    assert [moment for event, moment in events(exqueue_app, "Troubled") if event == "claimed"] == [0, 0, 10_000, 30_000, 3_600_000]


def test_a_limit_of_starts_goes_by_it(exqueue_app: TestApp, done: Done) -> None:
    began = exqueue_app.now
    enqueue_many(Slow, [call(word) for word in "abcde"])
    exqueue_app.drain()
    exqueue_app.advance(60)
    exqueue_app.drain()
    assert done == ["a", "b", "c", "d"]
    enqueue(Slow, "f")
    exqueue_app.drain(with_delayed=True)
    assert [moment for event, moment in events(exqueue_app, "Slow") if event == "claimed"] == [0, 0, *[60_000] * 2, *[120_000] * 2]
    assert exqueue_app.now - began == timedelta(seconds=120)


def test_a_kept_result_is_gone_in_its_time(exqueue_app: TestApp) -> None:
    job = enqueue(Kept, "word")
    exqueue_app.drain()
    exqueue_app.advance(9)
    assert job.state() == Place.DONE
    exqueue_app.advance(1)
    assert job.state() == Place.NONE


def test_a_server_whose_clock_does_not_obey_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exqueue.testing.fake._obey", lambda socket, clock: None)
    with pytest.raises(ConfigError, match="lets nobody set its clock"):
        open_fake(Clock(1_000_000))


def test_the_stamps_of_other_entries_are_left_alone() -> None:
    channel: Channel = open_fake(Clock(5_000_000))
    assert channel.ask([("XADD", "s", "7-7", "field", "value"), ("XADD", "s", "8-0", "*", "*")]) == [b"7-7", b"8-0"]


def test_schedules_of_served_workers_fire_at_each_tick_that_is_passed(exqueue_app: TestApp) -> None:
    exqueue_app.serve(Hourly)
    exqueue_app.advance(timedelta(hours=3))
    ran = exqueue_app.drain()
    assert [run.id[-5:-1] for run in ran] == [f"{(exqueue_app.now - timedelta(hours=back)):%H}00" for back in (2, 1, 0)]


def test_schedules_of_others_do_not_fire(exqueue_app: TestApp) -> None:
    exqueue_app.advance(timedelta(hours=3))
    assert exqueue_app.queues() == []


def test_a_job_that_was_not_started_in_time_fails_as_expired_and_runs_when_it_is_requeued(exqueue_app: TestApp, done: Done) -> None:
    late, early = enqueue(Note.options(expires=60), "late"), enqueue(Note.options(expires=120, priority=1), "early")
    exqueue_app.advance(61)
    ran = exqueue_app.drain()
    assert [(run.id, run.place) for run in ran] == [(early.id, Place.NONE), (late.id, Place.FAILED)]
    exqueue_app.assert_failed(Note, "late", error="was to be started")
    late.requeue()
    exqueue_app.drain()
    assert done == ["early", "late"]


def test_old_results_are_removed_however_many_there_are(exqueue_app: TestApp) -> None:
    enqueue_many(Kept, [call("x") for _ in range(250)])
    exqueue_app.drain()
    exqueue_app.advance(timedelta(days=1))
    assert exqueue_app.queue(Kept).counts() == Counts(enqueued=250, completed=250)
