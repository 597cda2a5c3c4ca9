"""A client that enqueues one job after the other, whatever happens to Redis; it asks again with the same id until it is told."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.codec import REFERENCE
from exqueue.model.errors import StoreError
from exqueue.model.job import SERIAL, Header, Terms
from exqueue.model.settings import Settings


class Producer:
    """Jobs 0, 1, 2, … of `jobs:Step`, in turn for each of these queues. `accepted`: by queue, in order. `troubles`: what was raised."""

    def __init__(self, settings: Settings, queues: Sequence[str], pause: float) -> None:
        self._app = Exqueue(settings=settings)
        self._queues = queues
        self._pause = pause
        self._stop = threading.Event()
        self.accepted: dict[str, list[str]] = {queue: [] for queue in queues}
        self.troubles: list[StoreError] = []

    def run(self) -> None:
        """Enqueue until told to stop."""
        for n in count():
            for queue in self._queues:
                self._insist(queue, n)
            if self._stop.wait(self._pause):
                self._app.close()
                return

    def stop(self) -> None:
        """No more after this one."""
        self._stop.set()

    def _insist(self, queue: str, n: int) -> None:
        header = Header("jobs:Step", time.time_ns() // 1_000_000, str(n), "reference")
        job = NewJob(f"{queue}-{n}", header, REFERENCE + pickle.dumps(((f"{queue}-{n}",), {})), Terms(key=SERIAL, blocks=True).encode())
        while True:
            try:
                self._app.store.enqueue(queue, [job])
            except StoreError as error:
                self.troubles.append(error)
            else:
                self.accepted[queue].append(job.id)
                return


@contextmanager
def producing(settings: Settings, queues: Sequence[str], pause: float = 0.01) -> Iterator[Producer]:
    """A producer in a thread of its own, for a while."""
    producer = Producer(settings, queues, pause)
    thread = threading.Thread(target=producer.run)
    thread.start()
    try:
        yield producer
    finally:
        producer.stop()
        thread.join()
