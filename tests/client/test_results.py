"""Results are waited for by events, not by asking again and again; events are followed from where one stands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.model.codec import encode_result
from exqueue.model.errors import JobFailed, ResultUnavailable
from exqueue.model.job import Claim, ErrorInfo
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail
from tests.cli.kit import soon
from tests.client.workers import Add
from tests.conftest import on_servers

KEPT = Add.options(keep_result=60)
ERROR = ErrorInfo("error", "ValueError", "no")


@pytest.fixture
def claim(app: Exqueue) -> Callable[[], Claim]:
    """Starts the next job of Add."""
    app.store.register("Add", "s", "{}", "r")

    def start() -> Claim:
        found = app.store.claim("Add", "s", f"s/{len(app.events(history=True).past())}")
        assert isinstance(found, Claim)
        return found

    return start


def succeed(app: Exqueue, claim: Claim, value: object) -> None:
    keep_ms = round((claim.header.keep or 0) * 1000)
    app.store.complete(claim, "s", "", keep_ms=keep_ms, result=encode_result(value, 10**6))


@on_servers
@pytest.mark.parametrize("value", [None, 42, {"total": [1.5, True, "x"]}, (1, 2), {1: 2}, complex(1, 2)], ids=str)
def test_a_result_is_what_perform_returned(app: Exqueue, claim: Callable[[], Claim], value: object) -> None:
    job = app.enqueue(KEPT, 1)
    succeed(app, claim(), value)
    found = job.result(timeout=0)
    assert (found, type(found), job.state()) == (value, type(value), Place.DONE)


@pytest.mark.parametrize("channel", ["embedded", "redis"], indirect=True)
def test_whoever_waits_is_told_and_has_asked_only_a_few_times(app: Exqueue, claim: Callable[[], Claim]) -> None:
    job, found = app.enqueue(KEPT, 1), []
    waiter = threading.Thread(target=lambda: found.append(job.result(timeout=30)), daemon=True)
    started, before = claim(), calls(app)
    waiter.start()
    soon(lambda: calls(app, "blocked"))  # it has looked, and waits
    succeed(app, started, "done")
    waiter.join(10)
    assert (found, calls(app) - before < 12) == (["done"], True)


def calls(app: Exqueue, what: str = "asked") -> int:
    info = app.channel.ask([("INFO", "clients" if what == "blocked" else "commandstats")])[0].decode()
    if what == "blocked":
        return int(info.split("blocked_clients:")[1].split()[0])
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in info.splitlines() if line.startswith("cmdstat_hget:"))


@on_servers
@pytest.mark.parametrize(
    ("act", "said"),
    [(lambda app, job, claim: app.store.apply(claim(), "s", Fail(ERROR)), "has failed for good: ValueError: no"),
     (lambda app, job, claim: job.cancel(), "was removed by a person")],
    ids=["failed", "cancelled"],
)  # fmt: skip
def test_a_job_that_gives_no_result_says_why(app: Exqueue, claim: Callable[[], Claim], act: Any, said: str) -> None:
    job = app.enqueue(KEPT, 1)
    act(app, job, claim)
    with pytest.raises(JobFailed, match=f"^job {job.id} {said}$"):
        job.result(timeout=10)


@on_servers
def test_a_job_that_does_not_end_in_time_is_not_waited_for(app: Exqueue) -> None:
    job = app.enqueue(KEPT, 1)
    with pytest.raises(ResultUnavailable, match="it has not ended in time") as caught:
        job.result(timeout=0.01)
    assert caught.value.timed_out


def test_a_job_without_a_kept_result_is_not_waited_for(app: Exqueue) -> None:
    with pytest.raises(ResultUnavailable, match="none is kept; give its worker keep_result"):
        app.enqueue(Add, 1).result()


@pytest.mark.parametrize(
    ("value", "said"), [(threading.Lock(), "it cannot be pickled: TypeError"), ("x" * 2_000_000, "more than max_body")]
)
def test_a_result_that_cannot_be_kept_says_why(app: Exqueue, claim: Callable[[], Claim], value: object, said: str) -> None:
    job = app.enqueue(KEPT, 1)
    succeed(app, claim(), value)
    with pytest.raises(ResultUnavailable, match=said):
        job.result(timeout=0)


@on_servers
def test_events_are_those_from_now_on_of_queues_that_are_and_that_come(app: Exqueue) -> None:
    app.enqueue(Add, 1)
    events = app.events(timeout=10)
    job = app.enqueue(Add, 2)
    other = app.enqueue(Add.options(queue="new"), 3)
    seen = {(event.queue, event.name, event.job) for event in (next(events), next(events))}
    assert seen == {("Add", "enqueued", job.id), ("new", "enqueued", other.id)}


@on_servers
def test_one_event_can_be_waited_for(app: Exqueue, claim: Callable[[], Claim]) -> None:
    events = app.events("Add", timeout=10)
    app.enqueue(Add, 1)
    job = app.enqueue(Add.options(priority=1), 2)
    claim()
    assert events.wait_for("claimed").job == job.id


def test_an_event_that_does_not_come_is_not_waited_for(app: Exqueue) -> None:
    with pytest.raises(TimeoutError, match=r"no event 'failed' of job x within 0\.01 s"):
        app.events(timeout=0.01).wait_for("failed", "x")


def test_what_is_past_can_be_read(app: Exqueue) -> None:
    job: Job = app.enqueue(Add, 1)
    job.cancel()
    assert [event.name for event in app.events(history=True).past()] == ["enqueued", "cancelled"]


@on_servers
def test_of_what_is_past_the_last_can_be_read_and_then_what_comes(app: Exqueue) -> None:
    jobs = [app.enqueue(Add, number) for number in range(3)]
    events = app.events(history=True, timeout=10)
    assert [event.job for event in events.past(2)] == [jobs[1].id, jobs[2].id]
    more = app.enqueue(Add, 4)
    assert (next(events).job, events.past()) == (more.id, [])


@on_servers
def test_a_job_that_has_succeeded_without_a_kept_result_has_not_failed(app: Exqueue, claim: Callable[[], Claim]) -> None:
    job = app.enqueue(Add, 1)
    succeed(app, claim(), 2)
    with pytest.raises(ResultUnavailable, match="it has succeeded, or was removed long ago"):
        job.result(timeout=10)
