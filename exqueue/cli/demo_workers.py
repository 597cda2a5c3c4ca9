"""The workers of `exqueue demo`: small stand-ins for real work."""

from __future__ import annotations

import time

from exqueue import Worker, constant


class CountWords(Worker):
    """Succeeds at once."""

    processes = 2

    def perform(self, text: str) -> int:
        """Take a moment, then count."""
        time.sleep(0.1)
        return len(text.split())


class SendInvoice(Worker):
    """The first two attempts fail, the third succeeds."""

    backoff = constant(0.4)

    def perform(self, number: int) -> None:
        """Pretend that the mail server is down for a while."""
        time.sleep(0.2)
        if self.job.attempt < 3:
            raise ConnectionError(f"mail server not reachable, invoice {number} not sent")


class ImportLedger(Worker):
    """Slow; one of its jobs can never succeed, and the process of another is killed by the demo."""

    max_retries = 2
    backoff = constant(0.3)

    def perform(self, path: str) -> None:
        """Pretend to read a file."""
        if path.endswith("broken.csv"):
            raise ValueError(f"{path}: line 7 has 5 columns instead of 6")
        time.sleep(1.0)
