"""The page of the schedules tells the ticks that there are on the two days when the clocks change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from exqueue.model.schedule import cron, next_tick
from tests.docs.test_pages import DOCS
from tests.docs.test_readme import table

STOCKHOLM = ZoneInfo("Europe/Stockholm")
ROWS = table(DOCS / "schedules.md", "expression")


def ticks(expression: str, year: int, month: int, day: int) -> str:
    """Those from 1:00 to 4:00 of a day."""
    schedule, found = cron(expression, tz="Europe/Stockholm"), []
    at, end = (int(datetime(year, month, day, hour, tzinfo=STOCKHOLM).timestamp() * 1000) for hour in (1, 4))
    tick = next_tick(schedule, at - 1)
    while tick is not None and tick <= end:
        found.append(datetime.fromtimestamp(tick / 1000, STOCKHOLM).strftime("%H:%M%z").removesuffix("00"))
        tick = next_tick(schedule, tick)
    return ", ".join(found) or "none"


@pytest.mark.parametrize(("expression", "spring", "autumn"), ROWS)
def test_the_table_of_daylight_saving_shows_the_ticks_there_are(expression: str, spring: str, autumn: str) -> None:
    assert (ticks(expression.strip("`"), 2026, 3, 29), ticks(expression.strip("`"), 2026, 10, 25)) == (spring, autumn)
