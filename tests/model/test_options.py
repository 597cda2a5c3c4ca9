"""Options for one enqueue: what they and the worker agree on, and what is refused before anything is written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from exqueue.model.errors import ConfigError
from exqueue.model.job import SERIAL, Terms
from exqueue.model.options import Call, Configured, Follower, call, due_of, keep_of, seconds_option, terms_of
from exqueue.model.worker import Worker
from tests.model.workers import Add

NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
AN_AT = "it takes a datetime with a time zone, for example datetime(2027, 1, 1, tzinfo=UTC)"
A_DELAY = "it takes seconds from now on, 0 for at once"
AN_EXPIRY = "it takes seconds above 0"
A_PRIORITY = "it takes a whole number from -1000 to 1000, higher runs first"


class Urgent(Add):
    priority = 7
    on_failure = "continue"


class InOrder(Add):
    serial = True


class Continuing(InOrder):
    on_failure = "continue"


class Keeping(Add):
    keep_result = timedelta(hours=1)


def refused(options: Configured[Any]) -> str:
    """What is said of options that contradict themselves."""

    def look() -> object:
        return due_of(options), terms_of(options), keep_of(options), seconds_option("timeout", options.timeout)

    with pytest.raises(ConfigError) as caught:
        look()
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "due"),
    [
        (Add.options(), ""), (Add.options(delay=0), ""), (Add.options(delay=0.0), ""), (Add.options(delay=timedelta(0)), ""),
        (Add.options(delay=60), "+60000"), (Add.options(delay=0.0015), "+2"), (Add.options(delay=0.0001), "+0"),
        (Add.options(delay=timedelta(days=1)), "+86400000"), (Add.options(at=NOON), "1798804800000"),
        (Add.options(at=NOON.astimezone(timezone(timedelta(hours=5)))), "1798804800000"),
        (Add.options(at=NOON.replace(microsecond=1_600)), "1798804800002"),
        (Add.options(at=datetime(1950, 1, 1, tzinfo=UTC)), "0"), (Add.options(at=datetime.min.replace(tzinfo=UTC)), "0"),
        (Add.options(at=datetime.max.replace(tzinfo=UTC)), "253402300800000"),
    ],
    ids=str,
)  # fmt: skip
def test_when_a_job_may_run(options: Configured[Any], due: str) -> None:
    assert due_of(options) == due


@pytest.mark.parametrize(
    ("options", "terms"),
    [
        (Configured(Add), Terms()),
        (Add.options(key="customer-42"), Terms("customer-42", blocks=True)),
        (Urgent.options(key="customer-42"), Terms("customer-42", 7)),
        (Urgent.options(), Terms(priority=7)),
        (Urgent.options(priority=0), Terms()),
        (Add.options(priority=-1000), Terms(priority=-1000)),
        (InOrder.options(), Terms(SERIAL, blocks=True)),
        (Continuing.options(), Terms(SERIAL)),
        (Add.options(unique="inv-42"), Terms(unique="inv-42")),
        (Add.options(expires=1.5), Terms(expires=1500)),
        (Add.options(expires=timedelta(minutes=1)), Terms(expires=60_000)),
        (Add.options(then=[Add.options().call(1)]), Terms(chained=True)),
        (Add.options(then=[]), Terms()),
        (Add.options(id="x", delay=5, queue="other", timeout=3, keep_result=4), Terms()),
    ],
    ids=str,
)
def test_what_is_agreed_of_a_job(options: Configured[Any], terms: Terms) -> None:
    assert terms_of(options) == terms


@pytest.mark.parametrize(
    ("options", "keep"),
    [(Add.options(), None), (Add.options(keep_result=0), 0.0), (Add.options(keep_result=1.5), 1.5),
     (Keeping.options(), 3600.0), (Keeping.options(keep_result=0), 0.0), (Keeping.options(keep_result=timedelta(minutes=1)), 60.0)],
    ids=str,
)  # fmt: skip
def test_for_how_long_a_result_is_kept(options: Configured[Any], keep: float | None) -> None:
    assert keep_of(options) == keep


@pytest.mark.parametrize(("timeout", "seconds"), [(None, None), (5, 5.0), (0.001, 0.001), (timedelta(minutes=2), 120.0)], ids=str)
def test_how_long_a_job_may_take(timeout: Any, seconds: float | None) -> None:
    assert seconds_option("timeout", timeout) == seconds


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"delay": -1}, f"delay is -1; {A_DELAY}"),
        ({"delay": float("nan")}, f"delay is nan; {A_DELAY}"),
        ({"delay": float("inf")}, f"delay is inf; {A_DELAY}"),
        ({"delay": 10**10}, f"delay is 10000000000; {A_DELAY}"),
        ({"delay": True}, f"delay is True; {A_DELAY}"),
        ({"delay": "5"}, f"delay is '5'; {A_DELAY}"),
        ({"delay": None}, f"delay is None; {A_DELAY}"),
        ({"delay": timedelta(seconds=-1)}, f"delay is datetime.timedelta(days=-1, seconds=86399); {A_DELAY}"),
        ({"delay": 5, "at": NOON}, "delay and at are both given; say one of them"),
        ({"at": NOON.replace(tzinfo=None)}, f"at is datetime.datetime(2027, 1, 1, 12, 0); {AN_AT}"),
        ({"at": date(2027, 1, 1)}, f"at is datetime.date(2027, 1, 1); {AN_AT}"),
        ({"at": 1_798_804_800}, f"at is 1798804800; {AN_AT}"),
        ({"at": "2027-01-01"}, f"at is '2027-01-01'; {AN_AT}"),
        ({"priority": 1001}, f"priority is 1001; {A_PRIORITY}"),
        ({"priority": -1001}, f"priority is -1001; {A_PRIORITY}"),
        ({"priority": 1.0}, f"priority is 1.0; {A_PRIORITY}"),
        ({"priority": True}, f"priority is True; {A_PRIORITY}"),
        ({"priority": "1"}, f"priority is '1'; {A_PRIORITY}"),
        ({"expires": 0}, f"expires is 0; {AN_EXPIRY}"),
        ({"expires": -1}, f"expires is -1; {AN_EXPIRY}"),
        ({"expires": 1e300}, f"expires is 1e+300; {AN_EXPIRY}"),
        ({"timeout": 0}, "timeout is 0; it takes seconds above 0, a timedelta, or None for no limit"),
        ({"timeout": 10**10}, "timeout is 10000000000; it takes seconds above 0, a timedelta, or None for no limit"),
        ({"keep_result": -1}, "keep_result is -1; it takes seconds or a timedelta, 0 for not at all"),
        ({"keep_result": "1 hour"}, "keep_result is '1 hour'; it takes seconds or a timedelta, 0 for not at all"),
    ],
    ids=str,
)
def test_values_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    assert refused(Add.options(**given)) == said


@pytest.mark.parametrize("name", ["", "a b", "a\n", "-a", "x" * 201, 5, "*", "é\u202e"], ids=repr)
@pytest.mark.parametrize("option", ["key", "unique"])
def test_names_that_are_none_are_refused(option: str, name: Any) -> None:
    assert refused(Add.options(**{option: name})).startswith(f"{option} {name!r} ")


@pytest.mark.parametrize("name", ["customer-42", "é", "a.b_c:d@e/f", "0", "x" * 200])
def test_names_are_agreed_as_they_are(name: str) -> None:
    assert Terms.decode(terms_of(Add.options(key=name, unique=name)).encode().encode()) == Terms(name, blocks=True, unique=name)


@pytest.mark.parametrize("worker", [InOrder, Continuing])
def test_a_serial_worker_has_one_key_and_no_other(worker: type[Worker]) -> None:
    assert refused(worker.options(key="k")) == f"{worker.__name__} is serial, so all its jobs are of one key; leave out key='k'"


def test_what_follows_is_a_call_with_options() -> None:
    assert Add.options(delay=5).call(1, b=2) == Follower(Configured(Add, delay=5), Call((1,), {"b": 2}))
    assert call(1, b=2) == Call((1,), {"b": 2})


def test_options_of_one_enqueue_leave_the_worker_and_other_options() -> None:
    first = Urgent.options(priority=1, then=[Add.options().call(1)])
    assert (Urgent.priority, Urgent.options().then, type(first.then)) == (7, (), tuple)
