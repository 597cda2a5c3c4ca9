"""Take back what a dead worker process held. The outcome its job did not live to report is made here."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from exqueue.model import outcome as o
from exqueue.model import policy as verdicts
from exqueue.model.ids import ID_LENGTH
from exqueue.model.job import Claim, ErrorInfo, JobRecord
from exqueue.model.policy import Constant, Policy
from exqueue.model.steer import JobTimeout
from exqueue.model.text import duration, one_line
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.board import Limited, number_of
from exqueue.store.reads import Reader
from exqueue.store.replies import Settled
from exqueue.store.steps import Store

LOG: Final = logging.getLogger("exqueue.recovery")


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended. `beat`: its runner's counter as seen for a whole lease, empty when the death is certain.

    `status`: as in `outcome.death`. `ours`: exqueue killed it on purpose, so its job is not to blame.
    `overrun`: what it was running, if the time of that was up. `begun`: the number of the claim it began last, 0 if nobody knows.
    `unheard`: as in `Cell.unheard`.
    """

    slot: str
    runner: str
    where: str
    status: int | None = None
    beat: str = ""
    ours: bool = False
    overrun: Limited | None = None
    begun: int = 0
    unheard: int = 0


class Recovery:
    """Closes the slots of dead processes, one step each; may be repeated, and done by several runners at once."""

    def __init__(self, store: Store, reader: Reader, specs: tuple[WorkerSpec, ...]) -> None:
        self._store = store
        self._reader = reader
        self._max_crashes = {spec.name: spec.max_crashes for spec in specs}

    def take_back(self, queue: str, death: Death) -> bool:
        """Recover one slot; False if its runner turned out to live. Raises StoreError: call again later."""
        for _ in range(100):
            starts = self._starts(queue, death.slot)
            settling = [(job, verdict) for job in starts if (verdict := self._settling(queue, job, death))]
            for job, verdict in settling:
                self._settle(job, death, verdict)
            if settling:
                continue
            started = _cut_off(starts, death.begun, death.unheard)
            max_crashes = self._max_crashes.get(started.header.worker, Policy().max_crashes) if started else 0
            crashed = self._judge(started, death, max_crashes) if started else None
            # Where none was cut off, and some have ended and are not settled, the token says up to which.
            last = f"{death.slot}/{death.begun}" if starts else ""
            claim = (started.id, started.run.token) if started else ("", last)
            answer = self._store.recover(queue, death.slot, death.runner, death.beat, claim, crashed)
            if answer != "changed":
                if started and crashed and answer == "recovered":
                    _tell(started, crashed, max_crashes)
                return answer != "alive"
        return False

    def _starts(self, queue: str, slot: str) -> list[JobRecord]:
        """What the slot has claimed, in that order."""
        found = [self._reader.find(queue, job_id) for job_id in self._reader.held(queue, [slot]).get(slot, [])]
        return [record for record in found if record and record.run.slot == slot]

    def _settling(self, queue: str, job: JobRecord, death: Death) -> verdicts.Settling | None:
        """What becomes of a job whose process was killed on purpose or for its sake; None for a crash, which is recovered."""
        policy, number = Policy(), number_of(job.run.token)
        outcome: o.Outcome
        # Of a process that is only thought to be dead, nothing is settled: whether it is, the step recover finds out.
        if not death.beat and self._reader.stops(queue).get(job.id) == job.run.token:
            outcome = o.Cancelled()
        elif death.overrun and job.run.token == f"{death.slot}/{death.overrun.number}":
            message = f"{JobTimeout(death.overrun.seconds)}; the worker process {o.death(death.status)}"
            outcome = o.TimedOut(_error(job, death, "timeout", "JobTimeout", message))
            policy = Policy(job.run.failures + (death.overrun.retry >= 0), backoff=Constant(death.overrun.retry))
        elif death.ours and number >= death.begun and number != death.unheard:  # one that has ended before is as after a crash
            outcome = o.Interrupted()
        else:
            return None
        verdict = verdicts.settle(outcome, job.run, policy, 0.0)
        assert not isinstance(verdict, verdicts.Complete | verdicts.Recover)  # noqa: S101 (for mypy: what these lead to)
        return verdict

    def _settle(self, job: JobRecord, death: Death, verdict: verdicts.Settling) -> None:
        claim = Claim(job.id, job.queue, job.run.token, job.run, job.header, b"")
        if isinstance(self._store.apply(claim, death.slot, verdict), Settled):
            _tell_settled(job, verdict)

    @staticmethod
    def _judge(job: JobRecord, death: Death, max_crashes: int) -> verdicts.Fail | verdicts.Recover:
        error = _error(job, death, "crashed", "WorkerProcessDied", f"the worker process {o.death(death.status)}")
        verdict = verdicts.settle(o.Crashed(error), job.run, Policy(max_crashes=max_crashes), 0.0)
        assert isinstance(verdict, verdicts.Fail | verdicts.Recover)  # noqa: S101 (for mypy: what a crash leads to)
        return verdict


def _cut_off(starts: Sequence[JobRecord], begun: int, unheard: int) -> JobRecord | None:
    """The job that a process was running when it died, as far as is known.

    Of jobs that were claimed together those before it have ended, those after it have not begun. Where none of them has, or
    nobody knows, it is the first: what comes back runs alone, so that one that kills its process is found out in the end.
    One of which the process has not even heard does not do that.
    """
    numbers = [number_of(job.run.token) for job in starts]
    if unheard in numbers:
        return None
    if begun in numbers:
        return starts[numbers.index(begun)]
    return None if any(number < begun for number in numbers) else next(iter(starts), None)


def _error(job: JobRecord, death: Death, reason: str, kind: str, message: str) -> ErrorInfo:
    return ErrorInfo(reason, kind, message, attempt=job.run.attempt, when=time.time_ns() // 1_000_000, where=death.where)


def _tell_settled(job: JobRecord, verdict: verdicts.Settling) -> None:
    match verdict:
        case verdicts.Release():
            LOG.info("%s: interrupted, back at the head of its queue, not counted", _name(job))
        case verdicts.Retry(seconds, error):
            LOG.warning("%s: attempt %d %s, retry in %s", _name(job), job.run.attempt, error.message, duration(seconds))
        case verdicts.Fail(error):
            LOG.error("%s: failed for good (%s): %s", _name(job), error.reason, error.message)
        case verdicts.Discard():
            LOG.info("%s: cancelled while it ran; it did not stop, so it was killed; removed", _name(job))
        case verdicts.Snooze():
            pass
        case _:
            assert_never(verdict)


def _tell(job: JobRecord, verdict: verdicts.Fail | verdicts.Recover, max_crashes: int) -> None:
    crash = f"crash {job.run.crashes + 1} of {max_crashes}"
    if isinstance(verdict, verdicts.Fail):
        LOG.error("%s: failed for good (crashed): %s; %s", _name(job), verdict.error.message, crash)
    else:
        LOG.warning("%s: %s; back at the head of its queue, %s", _name(job), verdict.error.message, crash)


def _name(job: JobRecord) -> str:
    return f"{one_line(job.header.worker, 100)} {one_line(job.id, ID_LENGTH + 10)}({one_line(job.header.args, 100)})"
