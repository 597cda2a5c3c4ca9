"""The functions of the default app: `enqueue(SyncInvoices, 42)`. Redis, and most of exqueue, is imported by the first call.

So a module that defines workers or enqueues jobs costs next to nothing to import. Who wants to pay at the start of a
process, for example before it forks, makes an `Exqueue()`, or imports that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, ParamSpec, overload

if TYPE_CHECKING:
    from exqueue.app import Exqueue
    from exqueue.client.jobs import Job, Jobs
    from exqueue.model.options import Call, Configured, Performs

P = ParamSpec("P")


class Default:
    """The app of the module-level functions: made from the environment when first used, unless another stands in for it."""

    def __init__(self) -> None:
        self._app: Exqueue | None = None

    def __call__(self) -> Exqueue:
        """The app itself."""
        if self._app is None:
            from exqueue.app import Exqueue

            self._app = Exqueue()
        return self._app

    @contextmanager
    def replaced(self, app: Exqueue) -> Iterator[None]:
        """Let another app stand in, in all threads, until the block ends: a test's own, so that no test meets a real server."""
        before, self._app = self._app, app
        try:
            yield
        finally:
            self._app = before


default_app: Final = Default()


@overload
def enqueue(worker: Configured[P], *args: P.args, **kwargs: P.kwargs) -> Job: ...
@overload
def enqueue(worker: type[Performs[P]], *args: P.args, **kwargs: P.kwargs) -> Job: ...
def enqueue(worker: Any, *args: Any, **kwargs: Any) -> Job:
    """Accept a job for the default app: `enqueue(SyncInvoices, 42, full=True)`. See `Exqueue.enqueue`."""
    return default_app().enqueue(worker, *args, **kwargs)


@overload
async def aenqueue(worker: Configured[P], *args: P.args, **kwargs: P.kwargs) -> Job: ...
@overload
async def aenqueue(worker: type[Performs[P]], *args: P.args, **kwargs: P.kwargs) -> Job: ...
async def aenqueue(worker: Any, *args: Any, **kwargs: Any) -> Job:
    """Accept a job for the default app without holding up the event loop: `await aenqueue(SyncInvoices, 42)`."""
    return await default_app().aenqueue(worker, *args, **kwargs)


def enqueue_many(worker: type[Any] | Configured[Any], calls: Iterable[Call]) -> Sequence[Job]:
    """Accept many jobs for the default app. See `Exqueue.enqueue_many`."""
    return default_app().enqueue_many(worker, calls)


def failed(worker: type[Any] | str | None = None) -> Jobs:
    """The failed jobs of the default app. See `Exqueue.failed`."""
    return default_app().failed(worker)
