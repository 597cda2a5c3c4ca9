"""When a worker with a schedule is due: cron expressions, time zones, missed ticks. Pure rules; the time comes in.

A *tick* is a moment that the expression names, in ms since 1970. Daylight saving is handled as Debian's cron does it,
by cronsim: https://github.com/cuu508/cronsim. docs/schedules.md says what that means, with dates.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal

from exqueue.model.errors import ConfigError

MISSED_AFTER_MS: Final = 60_000  # a tick that is older when a runner looks was missed
_BETWEEN_MS: Final = 60_000  # no two ticks are closer
_RECORD: Final = re.compile(r"(\d{1,14}) (\S{1,200}) (.{1,200})", re.ASCII)
_TAKES: Final = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, as far as a month has it, or L for the last",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT",
}


Missed = Literal["once", "skip"]


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule; see `cron`. Checked where its worker is."""

    expression: str
    tz: str = "UTC"
    missed: Missed = "once"

    def __post_init__(self) -> None:
        if isinstance(self.expression, str):  # one blank between fields: it is recorded on one line, and compared
            object.__setattr__(self, "expression", " ".join(self.expression.split()))


@dataclass(frozen=True, slots=True)
class Recorded:
    """What Redis knows of a schedule. `last_ms`: its last tick, or when a runner first looked at it, ms since 1970.

    Read from Redis, so that zone and expression may be hostile text.
    """

    last_ms: int
    tz: str
    expression: str

    @staticmethod
    def decode(raw: bytes) -> Recorded | None:
        """None for what is no record; the next runner that looks writes it anew."""
        found = _RECORD.fullmatch(raw.decode("utf-8", "replace"))
        return Recorded(int(found[1]), found[2], found[3]) if found else None

    def is_of(self, schedule: Cron) -> bool:
        """Whether it was written for this very schedule."""
        return (self.tz, self.expression) == (schedule.tz, schedule.expression)

    def ticks(self, now_ms: int) -> tuple[int | None, int | None]:
        """Last tick fired and next one to come; None where there is none, or where zone or expression mean nothing here."""
        schedule = Cron(self.expression, self.tz)
        try:
            check_cron("", schedule)
        except ConfigError:
            return None, None
        fired = next_tick(schedule, self.last_ms - 1) == self.last_ms
        return self.last_ms if fired else None, next_tick(schedule, max(self.last_ms, now_ms))


def cron(expression: str, *, tz: str = "UTC", missed: Missed = "once") -> Cron:
    """A schedule for a worker: `schedule = cron("0 7 * * 1-5", tz="Europe/Stockholm")`.

    `expression`: minute, hour, day of month, month, day of week. `tz`: a name of the IANA database.
    `missed`: what becomes of ticks while no runner was up: `once` makes up for all of them by one job, `skip` drops them.
    """
    return Cron(expression, tz, missed)


def describe(schedule: Cron) -> str:
    """Zone and expression as they are recorded, behind the last tick."""
    return f"{schedule.tz} {schedule.expression}"


def next_tick(schedule: Cron, after_ms: int) -> int | None:
    """The first tick after that moment; None if there is none within 50 years."""
    from cronsim import CronSim

    after = after_ms // 1000
    for tick in CronSim(schedule.expression, datetime.fromtimestamp(after, _zone(schedule.tz))):
        # In an hour that the clocks repeat, what a fixed time names is found once more: it was in the first one.
        if (moment := int(tick.timestamp())) > after:
            return moment * 1000
    return None


def due(schedule: Cron, last_ms: int, now_ms: int) -> int | None:
    """The tick that shall fire now: the latest after `last_ms`, unless it was missed and missed ones are dropped.

    Nothing is due while the clock is behind `last_ms`.
    """
    after = last_ms if schedule.missed == "once" else max(last_ms, now_ms - MISSED_AFTER_MS - 1)
    tick = next_tick(schedule, after)
    if tick is None or tick > now_ms:
        return None
    # The latest one by halving, so that a year of missed minutes costs twenty looks. Not by cronsim's reverse: in a
    # repeated hour it finds the tick of the day before.
    latest, bound = tick, now_ms  # between bound and now there is none
    while bound - latest >= _BETWEEN_MS:
        middle = (latest + bound) // 2
        tick = next_tick(schedule, middle)
        if tick is not None and tick <= now_ms:
            latest = tick
        else:
            bound = middle
    return latest


def job_id(short: str, tick_ms: int) -> str:
    """The id of the job of a tick, always the same.

    >>> job_id("SyncInvoices", 1_795_413_600_000)
    'SyncInvoices-20261123T0600Z'
    """
    return f"{short[:180]}-{datetime.fromtimestamp(tick_ms // 1000, UTC):%Y%m%dT%H%MZ}"


def check_cron(where: str, schedule: Any) -> None:
    """Whether it can be a schedule. `where`: what it is the schedule of, for the message.

    Raises:
        ConfigError: a bad expression, an unknown zone, or no zones at all on this machine.
    """
    if not isinstance(schedule, Cron):
        raise ConfigError(f'{where} is {schedule!r}; use cron("0 7 * * 1-5", tz="Europe/Stockholm")')
    if not (isinstance(schedule.expression, str) and isinstance(schedule.tz, str)):
        raise ConfigError(f'{where}: cron() takes text: an expression such as "0 7 * * 1-5", a zone such as tz="Europe/Stockholm"')
    if schedule.missed not in ("once", "skip"):
        raise ConfigError(f'{where}: missed is {schedule.missed!r}; use "once" (one job makes up for all missed ticks) or "skip"')
    try:
        _checked(schedule)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


@functools.lru_cache(maxsize=1024)
def _checked(schedule: Cron) -> None:
    """Raises ConfigError. Kept when it does not: a worker is checked with every enqueue."""
    from cronsim import CronSimError

    text, number = schedule.expression, len(schedule.expression.split())
    if len(text) > 200:
        raise ConfigError(f"a cron expression of {len(text)} characters; it may have 200")
    if number != 5:
        raise ConfigError(f"{text!r} has {number} fields; a cron expression has five: minute, hour, day of month, month, day of week")
    _zone(schedule.tz)
    try:
        some = next_tick(schedule, 946_684_800_000)  # 2000: the calendar repeats itself within the 50 years it looks at
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")
        raise ConfigError(
            f"{text!r} has a bad {field}; it takes {_TAKES.get(field, 'numbers')}; lists 1,15; ranges 1-5; steps */10"
        ) from error
    if some is None:
        raise ConfigError(f"{text!r} never comes; correct day and month")


@functools.lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    """Raises ConfigError."""
    if name == "UTC":  # also where there is no time zone data; and what cronsim knows to have no daylight saving
        return UTC
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # OSError: a directory, such as Europe
        raise ConfigError(_unknown(name)) from error


def _unknown(name: str) -> str:
    import difflib
    import zoneinfo

    known = zoneinfo.available_timezones()
    if not known:
        return f"this machine has no time zone data to look {name!r} up in; install its tzdata package, or: pip install tzdata"
    near = difflib.get_close_matches(name, known, 1)
    return f"there is no time zone {name!r}; " + (
        f"did you mean {near[0]!r}?" if near else "use a name such as 'Europe/Stockholm' or 'UTC'"
    )
