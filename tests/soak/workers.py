"""The jobs of a soak: `exqueue run tests.soak.workers`. Each does one thing that leaves something in Redis for a while."""

from __future__ import annotations

import time

from exqueue import Reject, Snooze, Worker, constant


class Plain(Worker):
    """Nothing but a job."""

    processes = 2
    max_crashes = 1_000_000

    def perform(self, n: int) -> None:
        time.sleep(0.0005)


class Mixed(Worker):
    """`mood`: how it ends."""

    processes = 2
    max_retries = 2
    backoff = constant(0.1)
    max_crashes = 1_000_000

    def perform(self, mood: str) -> str:
        time.sleep(0.0005)
        if mood == "retry" and self.job.attempt == 1:
            raise ValueError("once")
        if mood == "snooze" and self.job.attempt == 1:
            raise Snooze(0.1)
        if mood == "fail":
            raise Reject("for good")
        if mood == "progress":
            self.job.progress(0.5, "half")
        return mood * 10
