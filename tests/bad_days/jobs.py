"""Jobs put into a queue from the test's own process: `jobs:Say`, without arguments, known by their ids."""

from __future__ import annotations

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.codec import encode_by_name
from exqueue.model.job import Terms
from tests.runtime.rig import Rig

# Says what it is, and waits for a gate of its own if it is told to.
SAY = """
class Say(Worker):
    processes = 2
    def perform(self):
        say('begin', self.job.id)
        if self.job.id.startswith('slow'):
            gate(self.job.id)
        say('end', self.job.id)
"""


def put(app: Exqueue, *ids: str, delay_ms: int = 0, worker: str = "Say", queue: str = "", key: str = "") -> None:
    """Enqueue jobs of these ids."""
    header, body = encode_by_name(f"jobs:{worker}", 1)
    terms = Terms(key=key, blocks=bool(key)).encode()
    app.store.enqueue(queue or worker, [NewJob(job_id, header, body, terms) for job_id in ids], f"+{delay_ms}" if delay_ms else "")


def has_run(rig: Rig, *ids: str) -> bool:
    """Whether each of them has run to its end."""
    return {f"end {job_id}" for job_id in ids} <= set(rig.said)
