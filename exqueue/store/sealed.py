"""What is signed, as it is stored: for whoever counts signatures or renews them. Nothing is unpickled.

What is read at once is bounded. What grows with the queue are the ids, which are all remembered: some hundred bytes a job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from exqueue.model.job import Header, Run, Terms
from exqueue.store.base import BATCH
from exqueue.store.keys import queue_keys
from exqueue.store.reads import Reader
from exqueue.store.replies import raw_id

MOST: Final = 32 * 1024 * 1024  # bytes that are read at once, where no single job is larger
_LARGE: Final = ("bodies", "chains", "results")
_SMALL: Final = ("jobs", "terms", "runs")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A job with all of it that is signed; empty where there is nothing. One with a `result` is done, and runs no more."""

    id: str
    header: Header
    terms: Terms
    run: Run
    body: bytes
    chain: bytes
    result: bytes


def all_sealed(reader: Reader, queue: str) -> Iterator[Sealed]:
    """All jobs of a queue, each once, wherever they are, while they may move. Remembers every id."""
    seen: set[str] = set()
    ids = (job_id for job_id in reader.ids(queue) if job_id not in seen and not seen.add(job_id))  # type: ignore[func-returns-value]
    while page := list(islice(ids, BATCH)):
        for chunk in _chunks(reader, queue, page):
            yield from _read(reader, queue, chunk)


def _chunks(reader: Reader, queue: str, ids: Sequence[str]) -> Iterator[list[str]]:
    """Cut where more would be read than fits."""
    keys = queue_keys(reader.namespace, queue)
    sizes: list[Any] = reader.channel.ask([("HSTRLEN", keys[name], raw_id(job_id)) for job_id in ids for name in _LARGE])
    chunk: list[str] = []
    total = 0
    for position, job_id in enumerate(ids):
        size = sum(sizes[position * len(_LARGE) : (position + 1) * len(_LARGE)])
        if chunk and total + size > MOST:
            yield chunk
            chunk, total = [], 0
        chunk.append(job_id)
        total += size
    yield chunk


def _read(reader: Reader, queue: str, ids: Sequence[str]) -> Iterator[Sealed]:
    keys, raw = queue_keys(reader.namespace, queue), [raw_id(job_id) for job_id in ids]
    found = reader.channel.ask([("HMGET", keys[name], *raw) for name in (*_SMALL, *_LARGE)])
    for job_id, header, terms, run, body, chain, result in zip(ids, *found, strict=True):
        if header is not None:  # else it has gone meanwhile
            yield Sealed(
                job_id, Header.decode(header), Terms.decode(terms), Run.decode(run), body or b"", chain or b"", result or b""
            )  # fmt: skip
