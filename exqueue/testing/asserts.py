"""Claims about jobs: what waits to run, what does not, what has failed."""

from __future__ import annotations

from typing import Any

from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.default import default_app
from exqueue.model.errors import ConfigError
from exqueue.testing import matching
from exqueue.testing.app import TestApp
from exqueue.testing.matching import Wanted


def assert_enqueued(
    worker: Any, *args: Any, app: Exqueue | None = None, key: str | None = None, count: int | None = None, **kwargs: Any
) -> list[Job]:
    """Claim that jobs of this worker wait to run, now or later: `assert_enqueued(SyncInvoices, 42, full=True)`; these jobs.

    Arguments are compared by `==` with what comes out of the pickle, defaults filled in. None at all stand for any, one
    `call(...)` for exactly those in it. Options are compared where some are given: `SyncInvoices.options(key="a", delay=60)`,
    times to the second. `count`: how many there must be; by default at least one. `app`: that of `exqueue_app` by default.

    Raises:
        AssertionError: it is not so; the message says what there is.
        ConfigError, BadArguments: no such job could be enqueued.
    """
    __tracebackhide__ = True
    return matching.enqueued(_app(app), Wanted.of(worker, args, kwargs, app=app, key=key, count=count), count)


def refute_enqueued(worker: Any, *args: Any, app: Exqueue | None = None, key: str | None = None, **kwargs: Any) -> None:
    """Claim that no such job waits to run. See `assert_enqueued`."""
    __tracebackhide__ = True
    matching.enqueued(_app(app), Wanted.of(worker, args, kwargs, app=app, key=key), 0)


def assert_failed(
    worker: Any, *args: Any, error: str | None = None, app: Exqueue | None = None, key: str | None = None,
    count: int | None = None, **kwargs: Any,
) -> list[Job]:  # fmt: skip
    """Claim that such jobs have failed for good. `error`: text in the type or message of the last error. See `assert_enqueued`."""
    __tracebackhide__ = True
    return matching.failed(_app(app), Wanted.of(worker, args, kwargs, app=app, error=error, key=key, count=count), count, error)


def _app(app: Exqueue | None) -> Exqueue:
    found = app or default_app()
    if app is None and not isinstance(found, TestApp):
        raise ConfigError("which app? let the test ask for the fixture exqueue_app, or say app=")
    return found
