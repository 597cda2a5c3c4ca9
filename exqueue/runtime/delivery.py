"""Enqueue what follows jobs that have succeeded. Their own queues keep it until it is written, so it is never forgotten.

Killed between the enqueue and striking it off, it is enqueued again by whoever comes next: its ids were made with the
first job, so it is still one job.
"""

from __future__ import annotations

import logging
from typing import Final

from exqueue.model.chain import decode_chain
from exqueue.model.errors import ChainUnreadable
from exqueue.model.text import one_line
from exqueue.store.reads import Reader
from exqueue.store.steps import Store

LOG: Final = logging.getLogger("exqueue.delivery")


def deliver(store: Store, reader: Reader, queue: str, job_id: str | None = None) -> int:
    """Enqueue what follows jobs of this queue, or that one; how many jobs were followed. Raises StoreError: call again later."""
    done = 0
    for followed, raw in reader.outbox(queue, job_id).items():
        try:
            links = decode_chain(raw)
        except ChainUnreadable as error:
            LOG.error("%s of %s: %s; it stays in the outbox", one_line(followed), one_line(queue), error)
            continue
        for link in links:
            store.enqueue(link.queue, [link.job], link.due)
        store.deliver(queue, followed)
        done += 1
    return done
