"""Wait for what a job returns, without polling: the events of its queue tell when to look."""

from __future__ import annotations

import time
from typing import Any

from exqueue.model.codec import decode_result
from exqueue.model.errors import JobFailed, ResultUnavailable
from exqueue.model.job import JobRecord
from exqueue.model.lifecycle import Place
from exqueue.store.events import BLOCK, EventReader
from exqueue.store.reads import Reader

REMOVED = ("deleted", "cancelled", "discarded")
ENDS = ("completed", "failed", *REMOVED)


def wait_for_result(reader: Reader, queue: str, job_id: str, timeout: float | None) -> Any:
    """What `perform` returned. `timeout`: seconds, None to wait as long as it takes, 0 to look once.

    Raises:
        JobFailed: it failed for good, or was removed.
        ResultUnavailable: no result is kept of it, or not any more, or it has not succeeded in time (`timed_out`).
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    news = EventReader(reader.channel, reader.namespace, [queue])  # from here on: what happens while we look is not missed
    while True:
        raw = reader.result(queue, job_id)
        if raw is not None:
            return decode_result(job_id, raw)
        record = reader.find(queue, job_id)
        if record is None:
            raise _gone(reader, queue, job_id)
        _check(job_id, record)
        left = BLOCK if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise ResultUnavailable(job_id, "it has not ended in time", timed_out=True)
        _wait(news, job_id, time.monotonic() + min(left, BLOCK))


def _wait(news: EventReader, job_id: str, until: float) -> None:
    while (left := until - time.monotonic()) > 0:
        if any(event.job == job_id and event.name in ENDS for event in news.read(left)):
            return


def _gone(reader: Reader, queue: str, job_id: str) -> JobFailed | ResultUnavailable:
    """Why there is no such job; the events know, if it was not too long ago."""
    past = EventReader(reader.channel, reader.namespace, [queue], history=True).past()
    if any(event.job == job_id and event.name in REMOVED for event in past):
        return JobFailed(job_id, "was removed by a person")
    return ResultUnavailable(job_id, "it has succeeded, or was removed long ago, and none is kept of it any more")


def _check(job_id: str, record: JobRecord) -> None:
    if record.place is Place.FAILED:
        last = record.errors[-1] if record.errors else None
        raise JobFailed(job_id, f"has failed for good: {last.type}: {last.message}" if last else "has failed for good")
    if not record.header.keep:
        raise ResultUnavailable(job_id, "none is kept; give its worker keep_result, or enqueue it with options(keep_result=60)")
