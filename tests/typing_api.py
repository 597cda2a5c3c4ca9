"""What a type checker must accept of the public surface, and what it must refuse. Checked by mypy, never run.

`mypy --strict tests/typing_api.py`: a refusal that no longer happens is an unused `type: ignore`, which strict mode reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from exqueue import (
    Exqueue,
    Job,
    Reject,
    Retry,
    Snooze,
    Worker,
    aenqueue,
    call,
    constant,
    cron,
    enqueue,
    enqueue_many,
    exponential,
    failed,
    secret,
)
from exqueue.client.jobs import Jobs
from exqueue.client.queues import Queue
from exqueue.model.job import Counts, ErrorInfo
from exqueue.model.lifecycle import Place


class SyncInvoices(Worker):
    processes = 2
    max_retries = 5
    backoff = constant(timedelta(minutes=1))

    def perform(self, customer_id: int, *, full: bool = False) -> None:
        if full:
            raise Retry(in_=60)
        raise Snooze(timedelta(minutes=5)) if customer_id > self.job.attempt else Reject("why")

    def after_failure(self, error: ErrorInfo) -> None:
        assert_type(error.message, str)


class Fetch(Worker):
    backoff = exponential(1, factor=2, maximum=3600, jitter=0.1)

    async def perform(self, url: str, retries: int = 3) -> bytes:
        return b""


class Anything(Worker):
    def perform(self, *args: int, **kwargs: str) -> None: ...


class Nightly(Worker):
    schedule = cron("0 7 * * 1-5", tz="Europe/Stockholm", missed="skip")

    def perform(self, day: str = "today") -> None: ...


wrong_rule = cron("0 7 * * 1-5", missed="never")  # type: ignore[arg-type]


class Ledger(Worker):
    queue = "ledger"
    serial = True
    on_failure = "block"
    priority = 5
    keep_result = timedelta(hours=1)
    max_running = 5
    rate = "100/minute"

    def perform(self) -> dict[str, int]:
        self.job.progress(0.5, "half of it")
        return {}

    def after_success(self, result: object) -> None: ...

    def after_error(self, error: ErrorInfo) -> None: ...


class NotAWorker:
    pass


app = Exqueue("redis://localhost:6379/0", namespace="billing")


def right_calls() -> None:
    assert_type(enqueue(SyncInvoices, 42, full=True), Job)
    assert_type(app.enqueue(SyncInvoices, customer_id=42), Job)
    assert_type(enqueue(Fetch, "https://example.org", retries=1), Job)
    assert_type(enqueue(Anything, 1, 2, x="y"), Job)
    assert_type(enqueue(SyncInvoices.options(delay=60, id="inv-42"), 42, full=True), Job)
    assert_type(app.enqueue(Fetch.options(delay=0.5), "https://example.org"), Job)
    assert_type(enqueue_many(SyncInvoices, [call(1), call(2, full=True)]), Sequence[Job])
    assert_type(app.enqueue_many(SyncInvoices.options(delay=1), (call(n) for n in range(3))), list[Job])


def right_options() -> None:
    mail = Fetch.options(delay=timedelta(minutes=1), queue="eu").call("https://example.org")
    ordered = SyncInvoices.options(key="customer-42", priority=5, unique="inv-42", expires=3600, timeout=60, then=[mail])
    assert_type(enqueue(ordered, 42, full=True), Job)
    assert_type(app.enqueue(SyncInvoices.options(at=datetime(2027, 1, 1, tzinfo=UTC), keep_result=60), 42).result(timeout=10), Any)


async def right_calls_of_a_coroutine() -> None:
    assert_type(await aenqueue(SyncInvoices, 42, full=True), Job)
    assert_type(await app.aenqueue(SyncInvoices.options(key="customer-42"), 42), Job)
    await aenqueue(SyncInvoices, "42")  # type: ignore[call-overload]


def wrong_followers() -> None:
    Fetch.options().call(42)  # type: ignore[arg-type]
    SyncInvoices.options(then=[Fetch])  # type: ignore[list-item]
    SyncInvoices.options(then=[Fetch.options()])  # type: ignore[list-item]
    SyncInvoices.options(key=42)  # type: ignore[arg-type]


def wrong_arguments() -> None:
    enqueue(SyncInvoices)  # type: ignore[call-overload]
    enqueue(SyncInvoices, "42")  # type: ignore[call-overload]
    enqueue(SyncInvoices, 42, True)  # type: ignore[call-overload]
    enqueue(SyncInvoices, 42, ful=True)  # type: ignore[call-arg]
    enqueue(SyncInvoices, 42, full="yes")  # type: ignore[arg-type]
    enqueue(SyncInvoices, 42, customer_id=42)  # type: ignore[misc]
    enqueue(Anything, "1")  # type: ignore[call-overload]
    enqueue(Anything, x=1)  # type: ignore[call-overload]
    app.enqueue(SyncInvoices)  # type: ignore[call-overload]
    app.enqueue(SyncInvoices, None)  # type: ignore[call-overload]


def wrong_arguments_of_an_async_perform() -> None:
    enqueue(Fetch)  # type: ignore[call-overload]
    enqueue(Fetch, b"https://example.org")  # type: ignore[call-overload]
    enqueue(Fetch, "https://example.org", retry=1)  # type: ignore[call-arg]


def wrong_arguments_with_options() -> None:
    enqueue(SyncInvoices.options(delay=60))  # type: ignore[call-overload]
    enqueue(SyncInvoices.options(delay=60), "42")  # type: ignore[call-overload]
    enqueue(SyncInvoices.options(id="x"), 42, ful=True)  # type: ignore[call-arg]
    app.enqueue(Fetch.options(delay=60), 42)  # type: ignore[call-overload]
    SyncInvoices.options(delay="60")  # type: ignore[arg-type]
    SyncInvoices.options(dealy=60)  # type: ignore[call-arg]
    SyncInvoices.options(60)  # type: ignore[arg-type, call-arg]


def wrong_targets() -> None:
    enqueue(NotAWorker)  # type: ignore[call-overload]
    enqueue(SyncInvoices(), 42)  # type: ignore[call-overload]
    enqueue("SyncInvoices", 42)  # type: ignore[call-overload]
    enqueue_many(SyncInvoices, [1, 2])  # type: ignore[list-item]


def what_comes_back() -> None:
    job = enqueue(SyncInvoices, 42)
    assert_type(job.id, str)
    assert_type(job.new, bool)
    assert_type(job.state(), Place)
    assert_type(failed(SyncInvoices), Jobs)
    assert_type(app.failed().filter(error="no", since=0.0)[0], Job)
    assert_type(app.failed().requeue(), int)
    assert_type(app.queues(), list[Queue])
    assert_type(app.queue(SyncInvoices).counts(), Counts)
    job.stat()  # type: ignore[attr-defined]
    app.failed().filter(errors="no")  # type: ignore[call-arg]

    assert_type(enqueue(Fetch, secret("https://h/?key=x"), retries=secret(1)), Job)
    enqueue(Fetch, secret(1))  # type: ignore[call-overload]
