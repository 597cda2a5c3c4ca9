"""What the steps answer, as values; and ids as they are sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exqueue.model.job import Claim, Header, Run, Terms


@dataclass(frozen=True, slots=True)
class Empty:
    """There is nothing to claim."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing may begin now: the queue is paused or limited. `seconds`: until it is worth asking again, None if a bell tells."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The slot was closed, or the server was emptied: its process must not run anything more."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The job belongs to someone else by now; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """It takes other steps, one job at a time; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Done, now or when it was first asked."""


Next = Claim | Empty | Closed


def read_next(queue: str, reply: list[Any]) -> Next:
    """What a step says that claims a job."""
    if reply[0] == b"empty":
        return Empty()
    if reply[0] in (b"paused", b"limited"):
        return Closed(int(reply[1]) / 1000 if reply[1:] and reply[1] else None)
    _, job_id, token, attempt, failures, crashes, since, header, body, terms = reply
    run = Run(attempt, failures, crashes, since, token.decode())
    return Claim(text_id(job_id), queue, token.decode(), run, Header.decode(header), body, Terms.decode(terms))


def read_batch(queue: str, reply: list[Any]) -> tuple[Claim, ...]:
    """What the step says that claims several jobs."""
    claims = []
    for job_id, run, header, body in zip(*[iter(reply[1:])] * 4, strict=True):
        *_, since, token = run.decode().split(" ", 4)  # of a first start
        claims.append(Claim(text_id(job_id), queue, token, Run(1, 0, 0, int(since), token), Header.decode(header), body))
    return tuple(claims)


def raw_id(job_id: str) -> str | bytes:
    """An id as it is sent. Ids of ours are ASCII; one that somebody else put there may be any bytes."""
    if job_id.isascii():
        return job_id
    try:
        return job_id.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that no bytes of Redis ever decode to: it names nothing
        return job_id.encode("utf-8", "surrogatepass")


def text_id(raw: bytes) -> str:
    """The reverse of `raw_id`."""
    return raw.decode("utf-8", "surrogateescape")
