"""The callbacks of a worker, after its job is settled: what they raise is logged, and changes nothing any more."""

from __future__ import annotations

import logging
from typing import Final, assert_never

from exqueue.model import policy as verdicts
from exqueue.model.worker import Worker

LOG: Final = logging.getLogger("exqueue.process")


def wants_success(worker: Worker | None) -> bool:
    """Whether it defines `after_success`: then it is called before the next job is claimed."""
    return worker is not None and type(worker).after_success is not Worker.after_success


def after_success(worker: Worker, result: object) -> None:
    """Killed before this line, the callback is not called: the job is settled, and nothing repeats it."""
    try:
        worker.after_success(result)
    except BaseException:
        LOG.exception("%s.after_success raised, after job %s", type(worker).__name__, worker.job.id)


def after_trouble(worker: Worker | None, verdict: verdicts.Settling) -> None:
    """`after_error` before a retry, `after_failure` when it failed for good; none for a job that could not be loaded."""
    if worker is None:
        return
    name = ""
    try:
        match verdict:
            case verdicts.Retry(_, error):
                name = "after_error"
                worker.after_error(error)
            case verdicts.Fail(error):
                name = "after_failure"
                worker.after_failure(error)
            case verdicts.Snooze() | verdicts.Release() | verdicts.Discard():
                pass
            case _:
                assert_never(verdict)
    except BaseException:
        LOG.exception("%s.%s raised, after job %s", type(worker).__name__, name, worker.job.id)
