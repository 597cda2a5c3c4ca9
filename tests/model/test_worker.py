"""A worker type is checked where it is used first; a call is checked where it is written."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

from exqueue.model.arguments import check_arguments
from exqueue.model.errors import BadArguments, ConfigError, ExqueueError
from exqueue.model.names import check_name
from exqueue.model.options import Configured, call
from exqueue.model.policy import constant
from exqueue.model.schedule import cron
from exqueue.model.worker import (
    Worker,
    WorkerSpec,
    check_together,
    check_worker,
    is_importable,
    limit_of,
    path_of,
    queue_of,
    spec_of,
)
from tests.model import workers
from tests.model.workers import Add, Daily, NotAWorker, Outer


def with_options(**options: object) -> type[Worker]:
    return type("Sync", (Add,), options)


def refused(worker: object) -> str:
    with pytest.raises(ConfigError) as caught:
        check_worker(worker)
    return str(caught.value)


def test_a_worker_is_itself() -> None:
    assert check_worker(Add) is Add


def test_the_defaults_are_those_of_the_docs() -> None:
    defaults = (Worker.processes, Worker.max_retries, Worker.max_crashes, Worker.backoff, Worker.schedule, Worker.timeout)
    assert defaults == (1, 5, 3, constant(30), None, None)


def test_a_runner_knows_of_a_worker_without_importing_it() -> None:
    spec = spec_of(with_options(queue="q", processes=2, max_crashes=4))
    assert (spec, spec.short) == (WorkerSpec("tests.model.test_worker:Sync", "q", 2, 4), "Sync")


@pytest.mark.parametrize("worker", [Daily, Add])
def test_what_a_runner_knows_of_a_worker_travels_as_json(worker: type[Worker]) -> None:
    spec = spec_of(check_worker(worker))
    assert (WorkerSpec.decode(json.loads(json.dumps(asdict(spec)))), spec.schedule) == (spec, worker.schedule)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0 7 * * *", """is '0 7 * * *'; use cron("0 7 * * 1-5", tz="Europe/Stockholm")"""),
        (cron("0 7 * * *", tz="Mars"), "there is no time zone 'Mars'; use a name such as 'Europe/Stockholm' or 'UTC'"),
    ],
)
def test_a_schedule_that_cannot_be_is_named(schedule: object, said: str) -> None:
    assert refused(with_options(schedule=schedule)).removeprefix("Sync.schedule").lstrip(": ") == said


def test_a_worker_with_a_schedule_must_be_where_a_runner_finds_it() -> None:
    assert refused(type("Local", (Daily,), {})) == (
        "Local has a schedule, so a runner must find it by its name: define it at the top of a module, not in a script or a function"
    )


def test_a_worker_with_a_schedule_must_perform_without_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Add, "schedule", cron("0 7 * * *"))
    assert refused(Add) == (
        "Add has a schedule, so perform is called without arguments: missing a required argument: 'a'; give it a default"
    )


@pytest.mark.parametrize("worker", [None, 1, "Add", Add(), NotAWorker, int, Add.perform])
def test_what_is_no_worker_is_refused(worker: object) -> None:
    assert refused(worker) == f"{worker!r} is not a worker: pass a class that inherits from exqueue.Worker"


@pytest.mark.parametrize("worker", [Worker, type("Empty", (Worker,), {}), type("Empty", (Worker,), {"perform": 1})])
def test_a_worker_without_perform_is_refused(worker: type[Worker]) -> None:
    assert refused(worker) == f"{worker.__name__} has no perform method; define what the job does in it"


@pytest.mark.parametrize(
    ("option", "value", "takes"),
    [
        *[("processes", value, "it takes a whole number from 0") for value in (-1, 1.0, True, None, "2")],
        *[("max_retries", value, "it takes a whole number from 0") for value in (-1, 1.5, False, None, "5")],
        *[("max_crashes", value, "it takes a whole number from 1") for value in (0, -1, 2.0, True, None)],
        *[
            ("timeout", value, "it takes seconds above 0, a timedelta, or None for no limit")
            for value in (0, -1, True, "5", float("nan"), float("inf"), timedelta(0), 1e10)
        ],
        *[("backoff", value, "use constant(30), exponential() or a function") for value in (30, None, timedelta(1), "30")],
    ],
)
def test_an_option_of_the_wrong_kind_is_named(option: str, value: object, takes: str) -> None:
    assert refused(with_options(**{option: value})) == f"Sync.{option} is {value!r}; {takes}"


@pytest.mark.parametrize(
    ("timeout", "own", "limit"),
    [
        (None, 0.0, 0.0), (5, 0.0, 5.0), (timedelta(minutes=1), 0.0, 60.0), (5, 0.5, 0.5), (None, 7.0, 7.0),
        (5, float("nan"), 5.0), (5, -1.0, 5.0), (5, 1e300, 5.0), ("5", 0.0, 0.0), (float("inf"), 0.0, 0.0),
    ],
)  # fmt: skip
def test_the_limit_of_a_job_is_its_own_else_that_of_its_worker_and_nonsense_is_none(timeout: object, own: float, limit: float) -> None:
    assert limit_of(with_options(timeout=timeout)(), own) == limit


@pytest.mark.parametrize("timeout", [None, 0.001, 1, timedelta(hours=2), 1e9])
def test_a_time_limit_is_seconds_or_a_timedelta(timeout: object) -> None:
    worker = with_options(timeout=timeout)
    assert check_worker(worker) is worker


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"batch": 0}, "Sync.batch is 0; it takes a whole number from 1"),
        ({"batch": True}, "Sync.batch is True; it takes a whole number from 1"),
        ({"batch": 101}, "Sync.batch is 101; it takes at most 100"),
        ({"batch": 2, "serial": True}, "Sync.batch is 2, but jobs of a worker with serial, max_running or rate are claimed one by one;"),
        (
            {"batch": 2, "rate": "1/second"},
            "Sync.batch is 2, but jobs of a worker with serial, max_running or rate are claimed one by one;",
        ),
        ({"batch": 2, "max_crashes": 1}, "Sync.batch is 2, but with max_crashes = 1 no job may run again after a crash,"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(options: dict[str, object], why: str) -> None:
    assert refused(with_options(**options)).startswith(why)


@pytest.mark.parametrize("options", [{"batch": 100}, {"batch": 1, "serial": True}, {"batch": 1, "max_crashes": 1}])
def test_a_batch_is_what_a_runner_knows_of_a_worker(options: dict[str, Any]) -> None:
    assert spec_of(check_worker(with_options(**options))).batch == options["batch"]


@pytest.mark.parametrize("name", ["a b", "a\n", "{q}", "x" * 201, "\x1b", "*", 5, ["q"]], ids=repr)
def test_a_queue_with_a_name_that_cannot_be_a_key_is_refused(name: object) -> None:
    assert refused(with_options(queue=name)) == f"queue {name!r} is not a name: use 1 to 200 letters, digits and any of . _ : @ / -"


@pytest.mark.parametrize("name", ["q", "a.b_c:d@e/f-g", "x" * 200, "Größe", "0"])
def test_names_of_letters_and_digits_are_names(name: str) -> None:
    assert check_name("queue", name) == name


def test_a_queue_is_named_after_its_worker_unless_it_says_otherwise() -> None:
    assert (queue_of(Add), queue_of(workers.Any), queue_of(Outer.Inner)) == ("Add", "any", "Inner")


def test_a_worker_is_stored_under_its_module_and_its_name() -> None:
    assert (path_of(Outer.Inner), is_importable(Outer.Inner), is_importable(with_options())) == (
        "tests.model.workers:Outer.Inner", True, False,
    )  # fmt: skip


def test_options_are_for_one_enqueue() -> None:
    assert (Add.options(delay=5, id="x"), Add.options()) == (Configured(Add, delay=5, id="x"), Configured(Add))


@pytest.mark.parametrize("given", [call(1), call(1, 2), call(1, 2, c=3), call(a=1), call(1, b=2, c=3)], ids=str)
def test_a_call_that_fits_is_accepted(given: Any) -> None:
    check_arguments(Add, given.args, given.kwargs)


@pytest.mark.parametrize(
    ("given", "parameter", "reason"),
    [
        (call(), "a", "missing a required argument: 'a'"),
        (call(b=1), "a", "missing a required argument: 'a'"),
        (call(1, 2, 3), None, "too many positional arguments"),
        (call(1, d=2), "d", "got an unexpected keyword argument 'd'"),
        (call(1, a=2), "a", "multiple values for argument 'a'"),
        (call(1, self=2), "self", "got an unexpected keyword argument 'self'"),
    ],
    ids=str,
)
def test_a_call_that_does_not_fit_names_the_parameter(given: Any, parameter: str | None, reason: str) -> None:
    with pytest.raises(BadArguments) as caught:
        check_arguments(Add, given.args, given.kwargs)
    signature = "(a: 'int', b: 'int' = 0, *, c: 'int' = 0) -> 'int'"
    assert (str(caught.value), caught.value.parameter, caught.value.reason) == (f"Add.perform{signature}: {reason}", parameter, reason)


def test_a_perform_that_takes_anything_takes_anything() -> None:
    check_arguments(workers.Any, (1, 2), {"x": 3})


def traced(perform: Callable[..., object]) -> Callable[..., object]:
    """A decorator as people write it."""

    def inner(*args: Any, **kwargs: Any) -> object:
        return perform(*args, **kwargs)

    return inner


def traced_well(perform: Callable[..., object]) -> Callable[..., object]:
    """A decorator as people should write it."""
    return functools.wraps(perform)(traced(perform))


def test_a_perform_behind_a_decorator_takes_anything() -> None:
    check_arguments(with_options(perform=traced(Add.perform)), (1,), {"b": 2})


def test_a_perform_behind_a_decorator_that_says_what_it_wraps_is_checked() -> None:
    worker = with_options(perform=traced_well(Add.perform))
    check_arguments(worker, (1,), {"b": 2})
    with pytest.raises(BadArguments, match="missing a required argument: 'a'"):
        check_arguments(worker, (), {})


def test_a_perform_that_forgot_self_is_refused_in_words() -> None:
    worker = with_options(perform=lambda: None)
    with pytest.raises(ExqueueError, match="Sync"):
        check_arguments(check_worker(worker), (), {})


@pytest.mark.parametrize("kind", [staticmethod, lambda function: classmethod(lambda cls, a, b: None)], ids=["static", "class"])
def test_a_perform_without_self_is_checked_as_it_will_be_called(kind: Callable[..., object]) -> None:
    check_arguments(with_options(perform=kind(lambda a, b: None)), (1, 2), {})


def test_an_async_perform_is_checked_as_any_other() -> None:
    class Async(Worker):
        async def perform(self, a: int) -> None:
            """Do nothing."""

    with pytest.raises(BadArguments, match="missing a required argument: 'a'"):
        check_arguments(Async, (), {})


def test_what_must_not_run_twice_shares_no_queue_with_a_worker_that_takes_batches() -> None:
    once, many = (spec_of(with_options(queue="q", **options)) for options in ({"max_crashes": 1}, {"batch": 4}))
    with pytest.raises(ConfigError, match=r"has max_crashes = 1 and shares the queue 'q' with .*, whose batches would take its jobs, too"):
        check_together([many, once])
