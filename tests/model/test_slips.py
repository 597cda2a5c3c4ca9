"""What looks like an option of a worker type and is none is told, and what is a class's own affair is not."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from exqueue.model.options import Configured
from exqueue.model.policy import constant
from exqueue.model.slips import ENQUEUE, OPTIONS, slips_of
from exqueue.model.worker import Worker
from tests.model.workers import Add


def told(**attributes: Any) -> list[str]:
    """What is said of a worker type with these, of a module that does not mention them."""
    made = type("Sync", (Add,), {**attributes, "__module__": "elsewhere"})
    return [slip.removeprefix("Sync.") for slip in slips_of(made)]


@pytest.mark.parametrize(
    ("name", "value", "option"),
    [
        ("prority", 3, "priority"), ("max_retry", 1, "max_retries"), ("time_out", timedelta(seconds=5), "timeout"),
        ("seriel", True, "serial"), ("backof", constant(5), "backoff"), ("backof", lambda failures: failures, "backoff"),
        ("middlewares", [print], "middleware"), ("keep_results", 60, "keep_result"),
        ("after_sucess", lambda _, result: None, "after_success"),
    ],
)  # fmt: skip
def test_a_misspelt_option_is_told(name: str, value: object, option: str) -> None:
    assert told(**{name: value}) == [f"{name} has no effect; did you mean {option}? If it is your own, begin it with _"]


@pytest.mark.parametrize(("name", "value"), [("key", "x"), ("delay", 5), ("unique", True), ("expires", timedelta(hours=1)), ("then", [])])
def test_an_option_of_one_enqueue_is_told(name: str, value: object) -> None:
    assert told(**{name: value}) == [f"{name} has no effect: {name} is an option of one enqueue, Sync.options({name}=...)"]


class Own(Worker):
    """Attributes of its own, which look like options but are used, or are of another kind."""

    key = "customers/"
    timeouts = 5.0
    delay = 3
    expires = 60
    unique: dict[str, int] = {}  # noqa: RUF012
    queues = ("a", "b")
    _prority = 3
    url = "redis://h"
    id = property(lambda self: self.expires)

    def perform(self) -> None:
        print(self.key, getattr(self, "timeouts"))  # noqa: B009

    def process(self) -> None:
        """Close to `processes`, but no number."""


class TwoTimes(Own):
    timeout = 60
    timeout_s = 5


def pause() -> int:
    return Own.delay


@pytest.mark.parametrize("worker", [Own, TwoTimes, Add, Worker])
def test_attributes_of_its_own_are_not_told(worker: type[Worker]) -> None:
    assert slips_of(worker) == []


def test_what_a_base_says_is_told_of_each_worker_type() -> None:
    base = type("Base", (Add,), {"prority": 3, "__module__": "elsewhere"})
    assert slips_of(type("Sync", (base,), {"__module__": "elsewhere"})) == [
        "Sync.prority has no effect; did you mean priority? If it is your own, begin it with _"
    ]


def test_all_options_are_known() -> None:
    hooks = {name for name in vars(Worker) if name.startswith("after_")}
    assert OPTIONS.keys() == {*Worker.__annotations__, *hooks} - {"perform", "job"}
    assert ENQUEUE.keys() == {field.name for field in fields(Configured)} - {"worker", *OPTIONS}
