"""Jobs as they are written, and those that follow a job: kept with it as JSON until it has succeeded."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from exqueue.model.errors import ChainUnreadable
from exqueue.model.job import Header


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be written. `terms`, `chain`: encoded, empty for a plain one."""

    id: str
    header: Header | bytes
    body: bytes
    terms: str = ""
    chain: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of what is large in it."""
        return len(self.body) + len(self.chain)

    @property
    def head(self) -> bytes:
        """The header as it is written."""
        return self.header.encode() if isinstance(self.header, Header) else self.header


@dataclass(frozen=True, slots=True)
class Link:
    """One job of a chain: the queue it goes to, and when it is due (see `options.due_of`)."""

    queue: str
    due: str
    job: NewJob


def encode_chain(links: Sequence[Link]) -> bytes:
    """All that follows a job, bodies in base64; its followers' own chains are inside of them."""
    return json.dumps([
        [link.queue, link.due, link.job.id, link.job.head.decode(), _text(link.job.body), link.job.terms, _text(link.job.chain)]
        for link in links
    ]).encode() if links else b""  # fmt: skip


def decode_chain(raw: bytes) -> list[Link]:
    """The reverse. Raises ChainUnreadable: somebody else wrote there."""
    try:
        rows = json.loads(raw)
        "".join(part for row in rows for part in row).encode()  # raises unless all is text, and can be sent to Redis
        return [
            Link(queue, due, NewJob(job_id, head.encode(), base64.b64decode(body), terms, base64.b64decode(chain)))
            for queue, due, job_id, head, body, terms, chain in rows
        ]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ChainUnreadable from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
