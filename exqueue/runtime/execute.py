"""One run: from a claimed job to its outcome. Catches everything `perform` can throw; decides nothing."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exqueue.model import outcome as o
from exqueue.model.codec import decode
from exqueue.model.errors import CannotLoad
from exqueue.model.job import Claim, ErrorInfo
from exqueue.model.options import Call
from exqueue.model.policy import Policy
from exqueue.model.steer import Reject, Retry, Snooze, seconds_of
from exqueue.model.text import message_of, shorten
from exqueue.model.worker import JobInfo, Worker, policy_of

TRACEBACK_LIMIT: Final = 8000
MESSAGE_LIMIT: Final = 1000

Around = Callable[[Callable[[], object]], object]


@dataclass(frozen=True, slots=True)
class Execution:
    """What came of a run. `worker`: None when the job could not be loaded. `keep`: seconds, of its result."""

    outcome: o.Outcome
    policy: Policy
    worker: Worker | None = None
    keep: float = 0.0


def execute(
    claim: Claim, known: dict[str, type[Worker]], report: Callable[[float, str], None] | None = None,
    around: Around | None = None,
) -> Execution:  # fmt: skip
    """Unpickle the job and run it here and now. `report`: where its progress goes; `around`: who makes the call, and sees it raise."""
    try:
        kind, call = decode(claim.header, claim.body, known)
        worker = kind()
        policy = policy_of(worker)
        worker.job = JobInfo(claim.id, claim.queue, claim.run.attempt, claim.header.at, claim.terms.key or None, report)
    except CannotLoad as error:
        return Execution(o.NotLoaded(_error(claim, error.reason, error.__cause__ or error, message=str(error))), Policy())
    except BaseException as error:  # noqa: BLE001 (an __init__ or a backoff of the user's)
        message = f"its worker cannot be made: {type(error).__name__}: {message_of(error)}; deploy a mended one, then requeue the job"
        return Execution(o.NotLoaded(_error(claim, "bad_worker", error, message=message)), Policy())
    return Execution(_perform(claim, worker, call, around), policy, worker, seconds_of(worker.keep_result))


def _perform(claim: Claim, worker: Worker, call: Call, around: Around | None) -> o.Outcome:
    try:
        perform = _layered(worker, lambda: _call(worker, call.args, call.kwargs))
        result = around(perform) if around else perform()
    except Retry as steer:
        return o.AskedRetry(steer.in_, _error(claim, "retry", steer))
    except Snooze as steer:
        return o.AskedSnooze(steer.seconds)
    except Reject as steer:
        return o.Rejected(_error(claim, "rejected", steer))
    except BaseException as error:  # noqa: BLE001 (SystemExit and its kin end the job, not the process)
        return o.Raised(_error(claim, "error", error))
    return o.Returned(result)


def _call(worker: Worker, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
    result = worker.perform(*args, **kwargs)
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def _layered(worker: Worker, innermost: Callable[[], object]) -> Callable[[], object]:
    """Each middleware around those after it: the first of the list is outermost."""
    call = innermost
    for layer in reversed(worker.middleware):
        call = functools.partial(layer, worker.job, call)
    return call


def _error(claim: Claim, reason: str, error: BaseException, message: str | None = None) -> ErrorInfo:
    return ErrorInfo(
        reason=reason,
        type="CannotLoad" if message else shorten(_type_name(error), 200),
        message=shorten(message_of(error) if message is None else message, MESSAGE_LIMIT),
        traceback=_traceback(error),
        attempt=claim.run.attempt,
        when=time.time_ns() // 1_000_000,
        where=where(),
    )


def where() -> str:
    """Host and pid, for a person who wants to know where it happened."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _traceback(error: BaseException) -> str:
    """The traceback from `perform` on, without locals; the middle is left out where it is too long."""
    try:
        tail = error.__traceback__.tb_next if error.__traceback__ else None
        text = "".join(traceback.format_exception(type(error), error, tail or error.__traceback__))
    except BaseException:  # noqa: BLE001 (formatting calls the user's __str__, __repr__, __notes__ …)
        return "(the traceback cannot be shown)"
    if len(text) <= TRACEBACK_LIMIT:
        return text
    return f"{text[: TRACEBACK_LIMIT // 2]}\n… {len(text) - TRACEBACK_LIMIT} characters left out …\n{text[-TRACEBACK_LIMIT // 2 :]}"
