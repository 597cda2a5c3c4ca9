"""Ticks: which moments an expression names, also where the clocks change, and which of them shall fire now."""

from __future__ import annotations

import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exqueue.model import schedule as module
from exqueue.model.errors import ConfigError
from exqueue.model.schedule import MISSED_AFTER_MS, Cron, Missed, Recorded, check_cron, cron, describe, due, job_id, next_tick
from exqueue.model.worker import check_name

STOCKHOLM = "Europe/Stockholm"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SPRING = "2026-03-28T12:00+01:00"  # at 2:00 on the 29th it becomes 3:00
AUTUMN = "2026-10-24T12:00+02:00"  # at 3:00 on the 25th it becomes 2:00


def ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def shown(tick: int | None, tz: str = STOCKHOLM) -> str:
    assert tick is not None
    return datetime.fromtimestamp(tick / 1000, ZoneInfo(tz)).strftime("%d %H:%M%z").removesuffix("00")


def walk(expression: str, start: str, count: int, tz: str = STOCKHOLM) -> list[str]:
    """The first ticks after a moment: day, time, hours ahead of UTC."""
    found, schedule, at = [], cron(expression, tz=tz), ms(start)
    for _ in range(count):
        at = next_tick(schedule, at) or 0
        found.append(shown(at, tz))
    return found


@pytest.mark.parametrize(
    ("expression", "ticks"),
    [
        ("30 1 * * *", ["29 01:30+01", "30 01:30+02"]),
        ("30 2 * * *", ["29 03:00+02", "30 02:30+02"]),
        ("0,30 2 * * *", ["29 03:00+02", "30 02:00+02", "30 02:30+02"]),
        ("15 2,3 * * *", ["29 03:00+02", "29 03:15+02", "30 02:15+02"]),
        ("0 2,3 * * *", ["29 03:00+02", "30 02:00+02"]),
        ("30 3 * * *", ["29 03:30+02", "30 03:30+02"]),
    ],
)
def test_a_fixed_time_that_the_clocks_leave_out_in_spring_comes_right_after(expression: str, ticks: list[str]) -> None:
    assert walk(expression, SPRING, len(ticks)) == ticks


@pytest.mark.parametrize(
    ("expression", "ticks"),
    [
        ("30 1 * * *", ["25 01:30+02", "26 01:30+01"]),
        ("30 2 * * *", ["25 02:30+02", "26 02:30+01"]),
        ("15 2,3 * * *", ["25 02:15+02", "25 03:15+01", "26 02:15+01"]),
        ("30 3 * * *", ["25 03:30+01", "26 03:30+01"]),
    ],
)
def test_a_fixed_time_that_the_clocks_repeat_in_autumn_comes_once(expression: str, ticks: list[str]) -> None:
    assert walk(expression, AUTUMN, len(ticks)) == ticks


def test_every_hour_is_every_hour_also_where_the_clocks_change() -> None:
    assert walk("0 * * * *", "2026-03-29T00:30+01:00", 3) == ["29 01:00+01", "29 03:00+02", "29 04:00+02"]
    assert walk("0 * * * *", "2026-10-25T01:30+02:00", 3) == ["25 02:00+02", "25 02:00+01", "25 03:00+01"]


@pytest.mark.parametrize("start", [SPRING, AUTUMN])
def test_every_ten_minutes_is_every_ten_minutes_also_where_the_clocks_change(start: str) -> None:
    schedule, at, gaps = cron("*/10 * * * *", tz=STOCKHOLM), ms(start), set()
    for _ in range(144):
        at, before = next_tick(schedule, at) or 0, at
        gaps.add(at - before)
    assert gaps == {10 * MINUTE}


@pytest.mark.parametrize("start", [SPRING, AUTUMN])
@pytest.mark.parametrize("expression", ["30 2 * * *", "0,30 2 * * *", "15 1-3 * * *", "0-59 2 * * *", "0 * * * *", "*/7 2 * * *"])
@pytest.mark.parametrize("tz", [STOCKHOLM, "America/New_York", "Africa/Cairo", "UTC"])
def test_the_next_tick_is_the_same_from_wherever_one_looks(tz: str, expression: str, start: str) -> None:
    schedule, first = cron(expression, tz=tz), ms(start)
    ticks = [next_tick(schedule, first) or 0]
    while ticks[-1] < first + 2 * DAY:
        ticks.append(next_tick(schedule, ticks[-1]) or 0)
    looks = range(first, first + 2 * DAY, 7 * MINUTE)
    assert [next_tick(schedule, look) for look in looks] == [min(tick for tick in ticks if tick > look) for look in looks]


@pytest.mark.parametrize("missed", ["once", "skip"])
def test_a_tick_is_due_from_its_moment_on_and_not_after_it_has_fired(missed: Missed) -> None:
    schedule, tick = cron("0 7 * * *", tz=STOCKHOLM, missed=missed), ms("2026-11-23T07:00+01:00")
    looks = [(tick - DAY, tick - 1), (tick - DAY, tick), (tick - 1, tick + 500), (tick, tick), (tick, tick + HOUR)]
    assert [due(schedule, last, now) for last, now in looks] == [None, tick, tick, None, None]


def test_missed_ticks_are_made_up_for_by_the_latest() -> None:
    schedule, seen = cron("0 7 * * *", tz=STOCKHOLM), ms("2026-11-20T12:00+01:00")
    assert shown(due(schedule, seen, ms("2026-11-23T06:59+01:00"))) == "22 07:00+01"
    assert shown(due(schedule, seen, ms("2026-11-23T12:00+01:00"))) == "23 07:00+01"


def test_missed_ticks_that_shall_be_skipped_are_dropped_once_they_are_a_minute_old() -> None:
    schedule, tick = cron("0 7 * * *", tz=STOCKHOLM, missed="skip"), ms("2026-11-23T07:00+01:00")
    assert [due(schedule, 0, tick + age) for age in (MISSED_AFTER_MS, MISSED_AFTER_MS + 1, DAY - 1, DAY)] == [tick, None, None, tick + DAY]


def test_a_missed_tick_in_the_repeated_hour_is_found_from_within_its_repetition() -> None:
    schedule = cron("30 2 * * *", tz=STOCKHOLM)
    assert shown(due(schedule, ms("2026-10-24T02:30+02:00"), ms("2026-10-25T02:15+01:00"))) == "25 02:30+02"


@pytest.mark.parametrize("expression", ["* * * * *", "*/7 * * * *", "0-59 2 * * *", "30 2 * * *", "0 7 * * 1-5", "* * 1 * *"])
@pytest.mark.parametrize("now", ["2026-03-29T03:20+02:00", "2026-10-25T02:20+01:00", "2026-10-25T02:20+02:00", "2026-06-01T12:34+02:00"])
def test_the_latest_tick_is_found_among_many(expression: str, now: str) -> None:
    schedule, look = cron(expression, tz=STOCKHOLM), ms(now)
    latest, tick = None, next_tick(schedule, look - 3 * DAY)
    while tick is not None and tick <= look:
        latest, tick = tick, next_tick(schedule, tick)
    assert due(schedule, look - 3 * DAY, look) == latest


@pytest.mark.parametrize("missed", ["once", "skip"])
@pytest.mark.parametrize("years", [1, 50])
def test_years_of_missed_minutes_cost_a_few_looks(monkeypatch: pytest.MonkeyPatch, missed: Missed, years: int) -> None:
    looks = 0

    def counted(schedule: Cron, after_ms: int) -> int | None:
        nonlocal looks
        looks += 1
        return next_tick(schedule, after_ms)

    monkeypatch.setattr(module, "next_tick", counted)
    now = ms("2026-11-23T07:00:30+01:00")
    assert (due(cron("* * * * *", missed=missed), now - years * 365 * DAY, now), looks < 40) == (now - 30_000, True)


@pytest.mark.parametrize("step", [1, HOUR, 365 * DAY])
def test_while_the_clock_is_set_back_nothing_fires(step: int) -> None:
    schedule, tick = cron("*/5 * * * *"), ms("2026-11-23T07:00+00:00")
    assert [due(schedule, tick, tick - step), due(schedule, tick, tick + 5 * MINUTE)] == [None, tick + 5 * MINUTE]


@pytest.mark.parametrize("missed", ["once", "skip"])
def test_no_tick_fires_twice_whatever_the_clock_does(missed: Missed) -> None:
    schedule, last, fired = cron("*/5 * * * *", missed=missed), ms("2026-11-23T07:00+00:00"), []
    steps = [MINUTE, 4 * MINUTE, -HOUR, 30 * MINUTE, 35 * MINUTE, 2 * DAY, -2 * DAY, 3 * DAY, 30_000, -30_000, 6 * MINUTE] * 5
    now = last
    for step in steps:
        now += step
        if (tick := due(schedule, last, now)) is not None:
            last = tick
            fired.append(tick)
    assert fired == sorted(set(fired))
    assert len(fired) > 5


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0 7 * * *", """S is '0 7 * * *'; use cron("0 7 * * 1-5", tz="Europe/Stockholm")"""),
        (cron(7), 'S: cron() takes text: an expression such as "0 7 * * 1-5", a zone such as tz="Europe/Stockholm"'),  # type: ignore[arg-type]
        (cron("0 7 * * *", missed="all"), """S: missed is 'all'; use "once" (one job makes up for all missed ticks) or "skip\""""),  # type: ignore[arg-type]
        (cron("@daily"), "S: '@daily' has 1 fields; a cron expression has five: minute, hour, day of month, month, day of week"),
        (cron("0 0 7 * * *"), "S: '0 0 7 * * *' has 6 fields; a cron expression has five: minute, hour, day of month, month, day of week"),
        (cron("60 7 * * *"), "S: '60 7 * * *' has a bad minute; it takes 0-59; lists 1,15; ranges 1-5; steps */10"),
        (cron("0 24 * * *"), "S: '0 24 * * *' has a bad hour; it takes 0-23; lists 1,15; ranges 1-5; steps */10"),
        (cron("0 0 31 2 *"), "S: '0 0 31 2 *' has a bad day-of-month; it takes 1-31, as far as a month has it, or L for the last; "
                             "lists 1,15; ranges 1-5; steps */10"),
        (cron("0 0 * JUNE *"), "S: '0 0 * JUNE *' has a bad month; it takes 1-12 or JAN-DEC; lists 1,15; ranges 1-5; steps */10"),
        (cron("0 0 * * \x1b["), "S: '0 0 * * \\x1b[' has a bad day-of-week; it takes 0-7 or SUN-SAT; lists 1,15; ranges 1-5; steps */10"),
        (cron("* * */20 * 1L"), "S: '* * */20 * 1L' never comes; correct day and month"),
        (cron("1," * 100 + "1 * * * *"), "S: a cron expression of 209 characters; it may have 200"),
        (cron("0 7 * * *", tz="Europe/Stokholm"), "S: there is no time zone 'Europe/Stokholm'; did you mean 'Europe/Stockholm'?"),
        *[(cron("0 7 * * *", tz=tz), f"S: there is no time zone {tz!r}; use a name such as 'Europe/Stockholm' or 'UTC'")
          for tz in ("", "../../etc/passwd", "/etc/passwd", "a\x00b", "\ud800", "x" * 300)],
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_a_schedule_is_told_on_one_line(schedule: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_cron("S", schedule)
    assert str(caught.value) == said


@pytest.mark.parametrize("expression", ["* * * * *", "0 7 * * MON-FRI", "0 0 29 2 *", "0 0 L * *", "0 0 * * 1#5", "0 12 1,15 * *"])
def test_what_cron_takes_is_a_schedule(expression: str) -> None:
    check_cron("S", cron(expression, tz=STOCKHOLM))


def test_without_time_zone_data_the_error_says_where_to_get_them_and_utc_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tzdata", None)
    monkeypatch.setattr(zoneinfo, "ZoneInfo", zoneinfo.ZoneInfo.no_cache)
    zoneinfo.reset_tzpath([])
    module._zone.cache_clear()
    try:
        check_cron("S", cron("1 7 * * *"))
        with pytest.raises(ConfigError) as caught:
            check_cron("S", cron("1 7 * * *", tz="Europe/Vaduz"))
    finally:
        zoneinfo.reset_tzpath()
    assert str(caught.value) == (
        "S: this machine has no time zone data to look 'Europe/Vaduz' up in; install its tzdata package, or: pip install tzdata"
    )


def test_blanks_make_no_difference() -> None:
    assert cron("  0 7\n*\t* *") == cron("0 7 * * *") == Cron("0 7 * * *", "UTC", "once")


def test_the_id_of_a_job_names_worker_and_tick() -> None:
    names = [job_id(short, ms("2026-11-23T07:00+01:00")) for short in ("Sync", "Outer.Größe", "x" * 500)]
    assert names == [f"{short}-20261123T0600Z" for short in ("Sync", "Outer.Größe", "x" * 180)]
    assert [check_name("job id", name) for name in names] == names


def test_a_record_is_read_as_it_was_written() -> None:
    schedule, other = cron("0 7 * * 1-5", tz=STOCKHOLM), cron("0 7 * * 1-5")
    found = Recorded.decode(f"1795413600000 {describe(schedule)}".encode())
    assert found == Recorded(1_795_413_600_000, STOCKHOLM, "0 7 * * 1-5")
    assert (found.is_of(schedule), found.is_of(other)) == (True, False)


@pytest.mark.parametrize(
    "raw", [b"", b"x", b"1 UTC", b"-1 UTC * * * * *", b"9" * 15 + b" UTC * * * * *", "² UTC *".encode(), b"1 UTC a\nb"]
)
def test_what_is_no_record_is_none(raw: bytes) -> None:
    assert Recorded.decode(raw) is None


def test_a_record_tells_its_last_tick_and_the_next() -> None:
    tick = ms("2026-11-23T07:00+00:00")
    assert Recorded(tick, "UTC", "0 7 * * *").ticks(tick + HOUR) == (tick, tick + DAY)
    assert Recorded(tick + 1, "UTC", "0 7 * * *").ticks(tick + HOUR) == (None, tick + DAY)  # looked at, never fired
    assert Recorded(tick, "UTC", "0 7 * * *").ticks(tick - HOUR) == (tick, tick + DAY)  # the clock was set back


@pytest.mark.parametrize(("tz", "expression"), [("\x1b[2J", "* * * * *"), ("UTC", "\x1b[2J"), ("UTC", "* * * *"), ("\ufffd", "\ufffd")])
def test_a_record_that_means_nothing_here_has_no_ticks(tz: str, expression: str) -> None:
    assert Recorded(10**14 - 1, tz, expression).ticks(0) == (None, None)


def test_a_record_may_lie_far_ahead() -> None:
    last, after = Recorded(10**14 - 1, STOCKHOLM, "* * * * *").ticks(0)
    assert (last, after and datetime.fromtimestamp(after / 1000, UTC) > datetime(5000, 1, 1, tzinfo=UTC) + timedelta(1)) == (None, True)
