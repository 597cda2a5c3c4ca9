"""`exqueue schedule list`: what runners have recorded; nothing of it is imported."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.job import Header
from exqueue.model.schedule import Recorded
from exqueue.store.reads import Reader
from tests.cli.conftest import Command
from tests.cli.kit import Hands

MONDAY = int(datetime(2026, 11, 23, 6, tzinfo=UTC).timestamp() * 1000)
TEXT = "Europe/Stockholm 0 7 * * 1-5"


@pytest.fixture
def recorded(app: Exqueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule that has fired, in a queue that is served, and one that has not, in a queue that nobody serves. It is Monday, 6:00:01."""
    for queue in ("Daily", "Weekly"):
        app.store.announce(queue)
    app.store.fire("Daily", "gone:Daily", MONDAY, TEXT, NewJob("a", Header(), b"\x01"))
    app.store.schedule("Weekly", "gone:Weekly", MONDAY, "UTC 30 6 * * MON")
    Hands(app, "Daily").claim()
    schedules = Reader.schedules

    def on_monday(reader: Reader, queue: str) -> tuple[int, dict[str, Recorded]]:
        return MONDAY + 1_000, schedules(reader, queue)[1]

    monkeypatch.setattr(Reader, "schedules", on_monday)


def test_schedules_are_listed_the_next_to_fire_first(exq: Command, recorded: None) -> None:
    shown = exq("schedule", "list")
    assert (shown.code, shown.lines) == (0, [
        "worker queue expression zone last tick next tick",
        "gone:Weekly Weekly 30 6 * * MON UTC T",
        "gone:Daily Daily 0 7 * * 1-5 Europe/Stockholm T T",
        "nobody serves Weekly, so nothing fires; start a runner: exqueue run MODULE",
    ])  # fmt: skip


def test_schedules_as_json_have_their_ticks_in_utc(exq: Command, recorded: None) -> None:
    assert json.loads(exq("schedule", "list", "--json").out) == [
        {"worker": "gone:Weekly", "queue": "Weekly", "expression": "30 6 * * MON", "tz": "UTC",
         "last_tick": None, "next_tick": "2026-11-23T06:30:00.000+00:00"},
        {"worker": "gone:Daily", "queue": "Daily", "expression": "0 7 * * 1-5", "tz": "Europe/Stockholm",
         "last_tick": "2026-11-23T06:00:00.000+00:00", "next_tick": "2026-11-24T06:00:00.000+00:00"},
    ]  # fmt: skip


def test_without_schedules_the_list_says_when_there_will_be_some(exq: Command, app: Exqueue) -> None:
    app.store.announce("Idle")
    said = "no schedules yet: a schedule is known once a runner of its worker has started\n"
    assert (exq("schedule", "list").whole, exq("schedule", "list", "--json").json) == ((0, said, ""), [])
