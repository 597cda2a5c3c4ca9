"""Worker types for the test kit. They note what they do in DONE: they run in the process of the test."""

from __future__ import annotations

from collections.abc import Callable

from exqueue import Reject, Retry, Snooze, Worker, constant, cron, enqueue, exponential
from exqueue.model.job import ErrorInfo
from exqueue.model.worker import JobInfo

DONE: list[object] = []


class Note(Worker):
    """Notes a word."""

    def perform(self, word: object, *, loud: bool = False) -> object:
        DONE.append(word)
        return word


class Later(Worker):
    """Notes a word, and is named so that its queue comes first."""

    queue = "Above"

    async def perform(self, word: str) -> None:
        DONE.append(word)


class Troubled(Worker):
    """Ends in as many ways as there are. Retried twice."""

    max_retries = 2
    backoff = exponential(10, factor=2, jitter=0.5)

    def perform(self, how: str) -> None:
        DONE.append((how, self.job.attempt))
        match how:
            case "error":
                raise ValueError("no such customer")
            case "retry":
                raise Retry(in_=5)
            case "snooze" if self.job.attempt == 1:
                raise Snooze(3600)
            case "reject":
                raise Reject("never")
            case "exit":
                raise SystemExit(3)


class Ordered(Worker):
    """Fails where its word is bad; failures block its key."""

    max_retries = 0

    def perform(self, word: str) -> None:
        DONE.append(word)
        if word == "bad":
            raise ValueError(word)


class Slow(Worker):
    """No more than two starts a minute."""

    rate = "2/minute"

    def perform(self, word: str) -> None:
        DONE.append(word)


class Kept(Worker):
    """Its result is kept for ten seconds."""

    keep_result = 10

    def perform(self, word: str) -> str:
        return word.upper()


class Nesting(Worker):
    """Enqueues another job of its kind."""

    backoff = constant(1)

    def perform(self, depth: int) -> None:
        DONE.append(f"begin {depth}")
        if depth:
            enqueue(Nesting, depth - 1)
        DONE.append(f"end {depth}")


def told(job: JobInfo, call_next: Callable[[], object]) -> object:
    """Middleware."""
    DONE.append(f"before {job.attempt}")
    try:
        return call_next()
    finally:
        DONE.append("after")


class Watched(Worker):
    """Has middleware and callbacks."""

    middleware = (told,)
    max_retries = 1
    backoff = constant(1)

    def perform(self, *, fail: bool = False) -> str:
        self.job.progress(0.5, "half")
        if fail:
            raise ValueError("no")
        return "result"

    def after_success(self, result: object) -> None:
        DONE.append(f"success {result}")

    def after_error(self, error: ErrorInfo) -> None:
        DONE.append(f"error {error.message}")

    def after_failure(self, error: ErrorInfo) -> None:
        DONE.append(f"failure {error.message}")


class Counting(Worker):
    """Its parameters have the names of keywords of the assertions."""

    def perform(self, key: str, count: int = 1) -> None:
        DONE.append((key, count))


class Hourly(Worker):
    """Has a schedule."""

    schedule = cron("0 * * * *")

    def perform(self) -> None:
        """Do nothing."""
