"""Enqueue what follows jobs that have succeeded. Their own queues keep it until it is written, so it is never forgotten.

Killed between the enqueue and striking it off, it is enqueued again by whoever comes next: its ids were made with the
first job, so it is still one job.
"""

from __future__ import annotations

from exqueue.model.chain import decode_chain
from exqueue.model.errors import ChainUnreadable, StoreCorrupt, StoreError, StoreUnavailable
from exqueue.model.text import one_line
from exqueue.store.reads import Reader
from exqueue.store.steps import Store


def deliver(store: Store, reader: Reader, queue: str, job_id: str | None = None) -> int:
    """Enqueue what follows jobs of this queue, or that one; how many jobs were followed.

    One that cannot be followed now holds up no other. Raises StoreError after the rest is done: call again later.
    """
    done, trouble = 0, None
    for followed, raw in reader.outbox(queue, job_id).items():
        try:
            for link in decode_chain(raw):
                store.enqueue(link.queue, [link.job], link.due)
            store.deliver(queue, followed)
            done += 1
        except StoreUnavailable:
            raise
        except StoreError as error:
            trouble = error
        except ChainUnreadable as error:
            trouble = StoreCorrupt(f"what follows job {one_line(followed)} of {one_line(queue)} cannot be read: {error}")
    if trouble is not None:
        raise trouble
    return done
