"""What the tests of the client share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.model.job import Claim, ErrorInfo
from exqueue.model.policy import Fail, Retry

Fails = Callable[..., None]


@pytest.fixture
def fails(app: Exqueue) -> Fails:
    """Let all pending jobs of a queue fail, each with an error of this message; or, with `retry`, fail and be retried."""

    def fail(queue: str = "Add", message: str = "no", *, retry: bool = False) -> None:
        app.store.register(queue, "s", "{}", "r")
        while isinstance(claim := app.store.claim(queue, "s", "s/1"), Claim):
            error = ErrorInfo("error", "ValueError", message, "Traceback", claim.run.attempt, 1, "here")
            app.store.apply(claim, "s", Retry(60, error) if retry else Fail(error))

    return fail


@pytest.fixture
def starts(app: Exqueue) -> Callable[[Job], Claim]:
    """Claim a job, which must be the next of its queue."""

    def start(job: Job) -> Claim:
        app.store.register(job.queue, "t", "{}", "r")
        claim = app.store.claim(job.queue, "t", f"t/{job.id}")
        assert isinstance(claim, Claim)
        assert claim.id == job.id
        return claim

    return start
