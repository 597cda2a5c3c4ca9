"""Options for one enqueue, and calls: what stands between a worker type and a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Generic, ParamSpec, Protocol

from exqueue.model.errors import ConfigError
from exqueue.model.job import SERIAL, Terms
from exqueue.model.names import check_name
from exqueue.model.steer import seconds_of

P = ParamSpec("P")

MOST_PRIORITY: Final = 1000
LONGEST: Final = 10**10  # seconds; some 300 years
LONGEST_TIMEOUT: Final = 10**9 + 1  # seconds; more than a timer takes is no limit but a mistake


class Performs(Protocol[P]):
    """Anything with `perform`; what lets mypy check the arguments of `enqueue`."""

    def perform(self, *args: P.args, **kwargs: P.kwargs) -> object:
        """Do the job."""


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments for `perform`, not yet bound to a worker; see `enqueue_many`."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


def call(*args: Any, **kwargs: Any) -> Call:
    """Arguments for one job of `enqueue_many`: `enqueue_many(SyncInvoices, [call(1), call(2, full=True)])`."""
    return Call(args, kwargs)


@dataclass(frozen=True, slots=True)
class Follower:
    """A job that is enqueued when another one has succeeded: `SendMail.options(delay=60).call("a@b.example")`."""

    options: Configured[Any]
    call: Call


@dataclass(frozen=True, slots=True)
class Configured(Generic[P]):
    """A worker with options for one enqueue. Times: seconds or a timedelta.

    `key`: jobs of one key run one at a time, in order. `delay`, `at`: not before. `priority`: -1000 to 1000, higher
    first. `id`: makes the enqueue repeatable. `unique`: while a job of that name exists, no other is enqueued. `queue`:
    instead of the worker's. `then`: what is enqueued when this job has succeeded. `timeout`, `keep_result`: instead of
    the worker's. `expires`: not started by then, it fails.
    """

    worker: type[Performs[P]]
    key: str | None = None
    delay: float | timedelta = 0.0
    at: datetime | None = None
    priority: int | None = None
    id: str | None = None
    unique: str | None = None
    queue: str | None = None
    then: Sequence[Follower] = ()
    timeout: float | timedelta | None = None
    expires: float | timedelta | None = None
    keep_result: float | timedelta | None = None

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Follower:
        """A job for `then` of another one."""
        return Follower(self, Call(args, kwargs))


def due_of(options: Configured[Any]) -> str:
    """When it may run, as the enqueue step reads it: empty for now, `+ms` from now on, or ms since 1970.

    Raises:
        ConfigError: the delay is negative or no number, or `at` is not an aware datetime.
    """
    if options.at is None:
        delay = _seconds("delay", options.delay, 0, "seconds from now on, 0 for at once")
        return f"+{round(delay * 1000)}" if delay else ""
    if options.delay:
        raise ConfigError("delay and at are both given; say one of them")
    if not isinstance(options.at, datetime) or options.at.tzinfo is None or options.at.utcoffset() is None:
        raise ConfigError(f"at is {options.at!r}; it takes a datetime with a time zone, for example datetime(2027, 1, 1, tzinfo=UTC)")
    return str(max(0, round(options.at.timestamp() * 1000)))


def terms_of(options: Configured[Any]) -> Terms:
    """What is agreed of the job beyond its call: options, and where they are silent the worker.

    Raises:
        ConfigError: an option has a value of the wrong kind, or contradicts the worker.
    """
    worker: Any = options.worker
    if options.key is not None and worker.serial:
        raise ConfigError(f"{worker.__name__} is serial, so all its jobs are of one key; leave out key={options.key!r}")
    key = SERIAL if worker.serial else "" if options.key is None else check_name("key", options.key)
    return Terms(
        key=key,
        priority=check_priority("priority", worker.priority if options.priority is None else options.priority),
        blocks=bool(key) and worker.on_failure != "continue",
        unique="" if options.unique is None else check_name("unique", options.unique),
        expires=0 if options.expires is None else round(_seconds("expires", options.expires, 0.001, "seconds above 0") * 1000),
        chained=bool(options.then),
    )


def seconds_option(name: str, value: float | timedelta | None) -> float | None:
    """`timeout` or `keep_result` in seconds, None where there is none. Raises ConfigError, which begins with `name`."""
    if value is None:
        return None
    if not name.endswith("timeout"):
        return _seconds(name, value, 0, "seconds or a timedelta, 0 for not at all")
    return _seconds(name, value, 0.001, "seconds above 0, a timedelta, or None for no limit", LONGEST_TIMEOUT)


def keep_of(options: Configured[Any]) -> float | None:
    """For how many seconds the result is kept: written down, so that whoever waits for it knows that there will be one.

    None where neither the options nor the worker say anything. Raises ConfigError.
    """
    worker: Any = options.worker
    given = worker.keep_result if options.keep_result is None else options.keep_result
    return seconds_option("keep_result", given) or (None if options.keep_result is None else 0.0)


def check_priority(name: str, value: object) -> int:
    """A priority. Raises ConfigError."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MOST_PRIORITY:
        raise ConfigError(f"{name} is {value!r}; it takes a whole number from -{MOST_PRIORITY} to {MOST_PRIORITY}, higher runs first")
    return value


def _seconds(name: str, value: object, least: float, takes: str, most: float = LONGEST) -> float:
    seconds = seconds_of(value) if isinstance(value, int | float | timedelta) and not isinstance(value, bool) else -1.0
    if not least <= seconds < most:
        raise ConfigError(f"{name} is {value!r}; it takes {takes}")
    return seconds
