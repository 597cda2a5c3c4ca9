"""Take back what a dead worker process held. The outcome its job did not live to report is made here."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Final

from exqueue.model import outcome as o
from exqueue.model import policy as verdicts
from exqueue.model.ids import ID_LENGTH
from exqueue.model.job import Claim, ErrorInfo, JobRecord
from exqueue.model.policy import Policy
from exqueue.model.text import one_line
from exqueue.model.worker import WorkerSpec
from exqueue.store.reads import Reader
from exqueue.store.replies import Settled
from exqueue.store.steps import Store

LOG: Final = logging.getLogger("exqueue.recovery")


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended. `beat`: its runner's counter as seen for a whole lease, empty when the death is certain.

    `status`: as in `outcome.death`. `ours`: exqueue killed it on purpose, so its job is not to blame.
    """

    slot: str
    runner: str
    where: str
    status: int | None = None
    beat: str = ""
    ours: bool = False


class Recovery:
    """Closes the slots of dead processes, one step each; may be repeated, and done by several runners at once."""

    def __init__(self, store: Store, reader: Reader, specs: tuple[WorkerSpec, ...]) -> None:
        self._store = store
        self._reader = reader
        self._max_crashes = {spec.name: spec.max_crashes for spec in specs}

    def take_back(self, queue: str, death: Death) -> bool:
        """Recover one slot; False if its runner turned out to live. Raises StoreError: call again later."""
        for _ in range(100):
            started = self._started(queue, death.slot)
            if started and death.ours:
                self._release(started, death)
                continue
            max_crashes = self._max_crashes.get(started.header.worker, Policy().max_crashes) if started else 0
            verdict = self._judge(started, death, max_crashes) if started else None
            claim = (started.id, started.run.token) if started else ("", "")
            answer = self._store.recover(queue, death.slot, death.runner, death.beat, claim, verdict)
            if answer != "changed":
                if started and verdict and answer == "recovered":
                    _tell(started, verdict, max_crashes)
                return answer != "alive"
        return False

    def _started(self, queue: str, slot: str) -> JobRecord | None:
        for job_id in self._reader.held(queue, [slot]).get(slot, []):
            record = self._reader.find(queue, job_id)
            if record and record.run.slot == slot:
                return record
        return None

    def _release(self, job: JobRecord, death: Death) -> None:
        claim = Claim(job.id, job.queue, job.run.token, job.run, job.header, b"")
        verdict = verdicts.settle(o.Interrupted(), job.run, Policy(), 0.0)
        assert isinstance(verdict, verdicts.Release)  # noqa: S101 (for mypy: what an interruption leads to)
        if isinstance(self._store.apply(claim, death.slot, verdict), Settled):
            LOG.info("%s: interrupted, back at the head of its queue, not counted", _name(job))

    @staticmethod
    def _judge(job: JobRecord, death: Death, max_crashes: int) -> verdicts.Fail | verdicts.Recover:
        error = ErrorInfo(
            reason="crashed", type="WorkerProcessDied", message=f"the worker process {o.death(death.status)}",
            attempt=job.run.attempt, when=time.time_ns() // 1_000_000, where=death.where,
        )  # fmt: skip
        verdict = verdicts.settle(o.Crashed(error), job.run, Policy(max_crashes=max_crashes), 0.0)
        assert isinstance(verdict, verdicts.Fail | verdicts.Recover)  # noqa: S101 (for mypy: what a crash leads to)
        return verdict


def _tell(job: JobRecord, verdict: verdicts.Fail | verdicts.Recover, max_crashes: int) -> None:
    crash = f"crash {job.run.crashes + 1} of {max_crashes}"
    if isinstance(verdict, verdicts.Fail):
        LOG.error("%s: failed for good (crashed): %s; %s", _name(job), verdict.error.message, crash)
    else:
        LOG.warning("%s: %s; back at the head of its queue, %s", _name(job), verdict.error.message, crash)


def _name(job: JobRecord) -> str:
    return f"{one_line(job.header.worker, 100)} {one_line(job.id, ID_LENGTH + 10)}({one_line(job.header.args, 100)})"
