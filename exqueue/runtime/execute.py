"""One run: from a claimed job to its outcome. Catches everything `perform` can throw; decides nothing."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exqueue.model import codec
from exqueue.model import outcome as o
from exqueue.model import policy as verdicts
from exqueue.model.envelope import PLAIN, Envelope
from exqueue.model.errors import CannotLoad
from exqueue.model.job import Claim, ErrorInfo
from exqueue.model.options import Call
from exqueue.model.policy import Policy
from exqueue.model.redact import NOTHING, Redact
from exqueue.model.secret import NO_MASK, Mask
from exqueue.model.steer import JobTimeout, Reject, Retry, Snooze, seconds_of
from exqueue.model.text import duration, message_of
from exqueue.model.worker import JobInfo, Worker, limit_of, policy_of
from exqueue.runtime import external, logs
from exqueue.runtime import watch as watch_module
from exqueue.runtime.board import number_of
from exqueue.runtime.errors import Errors, where
from exqueue.runtime.watch import Watch

_IMPORT: Final = (importlib.__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
_OWN: Final = (__file__, watch_module.__file__, external.__file__, codec.__file__, *_IMPORT)

Around = Callable[[Callable[[], object]], object]
Report = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Execution:
    """What came of a run. `worker`: None when the job could not be loaded. `keep`: seconds, of its result. `mask`: of its secrets."""

    outcome: o.Outcome
    policy: Policy
    worker: Worker | None = None
    keep: float = 0.0
    mask: Mask = NO_MASK


def execute(
    claim: Claim, known: dict[str, type[Worker]], watch: Watch | None = None, chance: float = 0.0, *,
    report: Report | None = None, around: Around | None = None, envelope: Envelope = PLAIN, redact: Redact = NOTHING,
) -> Execution:  # fmt: skip
    """Unpickle the job, if it can be trusted, and run it here and now. `watch`: who may stop it; `chance`: as in `settle`.

    `report`: where its progress goes; `around`: who makes the call, and sees it raise. `envelope`, `redact`: see `Post`.
    """
    if expired := _expired(claim):
        return Execution(o.Expired(expired), Policy())
    errors = Errors(claim, redact, _OWN)
    try:
        kind, call = codec.load(claim, known, envelope, errors.heard)
        mask = errors.mask
        worker = kind()
        policy = policy_of(worker)
        worker.job = JobInfo(claim.id, claim.queue, claim.run.attempt, claim.header.at, claim.terms.key or None, _masked(report, mask))
        limit = limit_of(worker, claim.header.timeout or 0.0)
    except CannotLoad as error:
        return Execution(o.NotLoaded(errors.not_loaded(error.reason, str(error), error.__cause__)), Policy())
    except BaseException as error:  # noqa: BLE001 (an __init__ or a backoff of the user's)
        message = f"its worker cannot be made: {type(error).__name__}: {message_of(error)}; deploy a mended one, then requeue the job"
        return Execution(o.NotLoaded(errors.not_loaded("bad_worker", message, error)), Policy())
    watch = watch or Watch()
    watch.begin(number_of(claim.token), limit, _retry_in(claim, policy, chance) if limit else 0.0)
    try:
        with logs.masked(mask):
            outcome = _perform(errors, worker, call, watch, around)
        if watch.cancelled and not isinstance(outcome, o.Returned):  # it would be retried, or kept, or run again
            outcome = o.Cancelled()
    finally:
        watch.end()
    return Execution(outcome, policy, worker, seconds_of(worker.keep_result), mask)


def _retry_in(claim: Claim, policy: Policy, chance: float) -> float:
    """What the runner has to know if this process will not live to settle a job whose time is up; see `Limited`."""
    verdict = verdicts.settle(o.TimedOut(ErrorInfo("", "", "")), claim.run, policy, chance)
    return verdict.seconds if isinstance(verdict, verdicts.Retry) else -1.0


def _masked(report: Report | None, mask: Mask) -> Report | None:
    return report if report is None or not mask else lambda share, text: report(share, mask(str(text)))


def _perform(errors: Errors, worker: Worker, call: Call, watch: Watch, around: Around | None) -> o.Outcome:
    try:
        perform = functools.partial(watch.call, _layered(worker, call, watch))
        result = external.wait_for(around(perform) if around else perform(), watch)  # a layer may return one of its own
    except Retry as steer:
        return o.AskedRetry(steer.in_, errors.error("retry", steer))
    except Snooze as steer:
        return o.AskedSnooze(steer.seconds)
    except Reject as steer:
        return o.Rejected(errors.error("rejected", steer))
    except JobTimeout as error:
        return o.TimedOut(errors.error("timeout", error, "JobTimeout"))
    except BaseException as error:  # noqa: BLE001 (SystemExit and its kin end the job, not the process)
        return o.Raised(errors.error("error", error))
    return o.Returned(result)


def _layered(worker: Worker, call: Call, watch: Watch) -> Callable[[], object]:
    """`perform`, to its very end, and each middleware around those after it: the first of the list is outermost."""
    perform = functools.partial(worker.perform, *call.args, **call.kwargs)
    layered: Callable[[], object] = functools.partial(watch.complete, perform, functools.partial(external.wait_for, watch=watch))
    for layer in reversed(worker.middleware):
        layered = functools.partial(layer, worker.job, layered)
    return layered


def _expired(claim: Claim) -> ErrorInfo | None:
    """The error of a job that was not to be started as late as this. One that has begun once, or was requeued, is run."""
    expires = claim.terms.expires
    if not (claim.run.attempt == 1 and 0 < expires < claim.run.since):
        return None
    late = (claim.run.since - expires) / 1000
    message = f"its turn came {duration(late)} after the time by which it was to be started; requeue runs it all the same"
    return ErrorInfo("expired", "Expired", message, attempt=1, when=claim.run.since, where=where())
