"""exqueue: its own `run`, with its defaults. An adapter of the peerbench harness, which runs it from its folder `adapters`.

The harness reads the constants without importing the file, so they look nothing up; lay.py fills in where exqueue is installed from.
"""

import recorder

from exqueue import Exqueue, Worker, call

REQUIRES = ["exqueue", "hiredis==3.5.0"]
VARIANTS = {
    "exqueue": {
        "worker": "exqueue --url {url} run --accept-data-loss --processes Bench={p} adapters.exqueue:Bench",
        "concurrency": "1",
        "settings": "defaults; --accept-data-loss, since the server has no append-only file",
        "durability": "at least once; on the same host at once, elsewhere after a lease (30 s)",
    },
    "exqueue-batch": {
        "worker": "exqueue --url {url} run --accept-data-loss --processes Many={p} adapters.exqueue:Many",
        "concurrency": "1",
        "settings": "batch = 16; --accept-data-loss",
        "durability": "as exqueue; a crash may run 16 jobs again",
    },
}


class Bench(Worker):
    def perform(self, i, t):
        recorder.mark(i, t)


class Many(Bench):
    batch = 16


class Nap(Worker):
    queue = "Bench"

    def perform(self, i, t, seconds):
        recorder.nap(i, t, seconds)


class Client:
    def __init__(self, url, variant):
        self.app = Exqueue(url)
        self.worker = Many if variant == "exqueue-batch" else Bench

    def enqueue(self, i, t):
        self.app.enqueue(self.worker, i, t)

    def bulk(self, items):
        self.app.enqueue_many(self.worker, [call(i, t) for i, t in items])

    def nap(self, i, t, seconds):
        self.app.enqueue(Nap, i, t, seconds)

    def close(self):
        self.app.close()
