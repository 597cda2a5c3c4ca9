"""Which keys the jobs of a namespace are signed with, and how they are signed anew. Verifies; unpickles nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from exqueue.model.chain import Link, decode_chain, encode_chain
from exqueue.model.envelope import Envelope
from exqueue.model.errors import ChainUnreadable, Untrusted
from exqueue.model.job import Header, Terms
from exqueue.model.signing import is_signed, key_id
from exqueue.store.reads import Reader
from exqueue.store.sealed import Sealed, all_sealed
from exqueue.store.steps import Store

SIGNS: Final = "signs"
VERIFIES: Final = "verifies"
UNSIGNED: Final = "unsigned"
UNKNOWN: Final = "unknown here"
ALTERED: Final = "altered"
DAMAGED: Final = "damaged"
_STATES: Final = {"unsigned": UNSIGNED, "unknown key": UNKNOWN, "no keys": UNKNOWN, "altered": ALTERED, "bad envelope": DAMAGED}


@dataclass(frozen=True, slots=True, order=True)
class Signature:
    """How something is signed. `key`: its id, as far as that means anything."""

    state: str
    key: str = ""

    def runs(self, envelope: Envelope) -> bool:
        """Whether a worker process with these keys would run it."""
        return self.state in (SIGNS, VERIFIES) or (self.state == UNSIGNED and not envelope.keys)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many are signed how: jobs that may still run, those that follow others, kept results."""

    jobs: Counter[Signature]
    following: Counter[Signature]
    results: Counter[Signature]

    @property
    def signatures(self) -> list[Signature]:
        """All there are."""
        return sorted({*self.jobs, *self.following, *self.results})

    def not_run(self, envelope: Envelope) -> int:
        """How many jobs would fail as untrusted."""
        return sum(n for part in (self.jobs, self.following) for found, n in part.items() if not found.runs(envelope))


@dataclass(frozen=True, slots=True)
class Resigned:
    """What was signed anew, and what is left: of jobs that run, unsigned ones, and those that do not verify."""

    jobs: int = 0
    following: int = 0
    results: int = 0
    running: int = 0
    unsigned: int = 0
    unverifiable: int = 0

    @property
    def left(self) -> int:
        """How many the first key has not signed."""
        return self.running + self.unsigned + self.unverifiable


def tally(reader: Reader, envelope: Envelope) -> Tally:
    """Count all signatures of a namespace."""
    found = Tally(Counter(), Counter(), Counter())
    for queue in reader.queues():
        for sealed in all_sealed(reader, queue):
            if sealed.result:
                found.results[_of_result(envelope, queue, sealed)[0]] += 1
            elif sealed.body:
                found.jobs[_of_body(envelope, queue, sealed)[0]] += 1
            found.following.update(_of_chain(envelope, sealed.chain))
        for chain in reader.outbox(queue).values():
            found.following.update(_of_chain(envelope, chain))
    return found


class Resigner:
    """Signs with the first key what another of the keys has signed. `unsigned`: also what nobody has signed."""

    def __init__(self, store: Store, reader: Reader, envelope: Envelope, *, unsigned: bool = False) -> None:
        self._store = store
        self._reader = reader
        self._envelope = envelope
        self._unsigned = unsigned
        self._count: Counter[str] = Counter()

    def run(self) -> Resigned:
        """Sign all of a namespace; may be repeated, and interrupted."""
        for queue in self._reader.queues():
            for sealed in all_sealed(self._reader, queue):
                self._resign(queue, sealed)
            for job_id, chain in self._reader.outbox(queue).items():
                self._write(queue, "outbox", job_id, chain, *self._renew_chain(chain))
        return Resigned(**self._count)

    def _resign(self, queue: str, sealed: Sealed) -> None:
        envelope = self._envelope
        if sealed.result:
            signature, result = _of_result(envelope, queue, sealed)
            if self._wants(signature):
                self._write(queue, "results", sealed.id, sealed.result, envelope.close_result(queue, sealed.id, result), 1)
        elif sealed.body:
            signature, packed = _of_body(envelope, queue, sealed)
            if self._wants(signature):
                renewed = envelope.renewed(queue, sealed.id, sealed.terms, sealed.header, packed)
                self._write(queue, "bodies", sealed.id, sealed.body, renewed, 1)
        if sealed.chain:
            self._write(queue, "chains", sealed.id, sealed.chain, *self._renew_chain(sealed.chain))

    def _wants(self, signature: Signature) -> bool:
        """Whether it is to be signed anew; what is not and should be is counted."""
        if signature.state in (SIGNS, VERIFIES) or (signature.state == UNSIGNED and self._unsigned):
            return signature.state != SIGNS
        self._count["unsigned" if signature.state == UNSIGNED else "unverifiable"] += 1
        return False

    def _write(self, queue: str, what: str, job_id: str, old: bytes, new: bytes, count: int) -> None:
        # One at a time: it is done once in a while, and each may be as large as a request should be.
        if old != new:
            word = {"bodies": "jobs", "results": "results"}.get(what, "following")
            self._count[word if self._store.resign(queue, what, [(job_id, old, new)]) else "running"] += count

    def _renew_chain(self, chain: bytes) -> tuple[bytes, int]:
        """The same with new signatures, and how many."""
        try:
            links = decode_chain(chain)
        except ChainUnreadable:
            self._count["unverifiable"] += 1
            return chain, 0
        renewed = [self._renew_link(link) for link in links]
        count = sum(number for _, number in renewed)
        return (encode_chain([link for link, _ in renewed]), count) if count else (chain, 0)

    def _renew_link(self, link: Link) -> tuple[Link, int]:
        job, count = link.job, 0
        signature, packed = _of_link(self._envelope, link)
        if self._wants(signature):
            job = replace(job, body=self._envelope.renewed(link.queue, job.id, _terms(link), Header.decode(job.head), packed))
            count = 1
        if job.chain:
            chain, more = self._renew_chain(job.chain)
            job, count = replace(job, chain=chain), count + more
        return replace(link, job=job), count


def _of_body(envelope: Envelope, queue: str, sealed: Sealed) -> tuple[Signature, bytes]:
    return _signature(envelope, sealed.body, lambda: envelope.verified(queue, sealed.id, sealed.terms, sealed.header, sealed.body))


def _of_result(envelope: Envelope, queue: str, sealed: Sealed) -> tuple[Signature, bytes]:
    return _signature(envelope, sealed.result, lambda: envelope.verified_result(queue, sealed.id, sealed.result))


def _of_link(envelope: Envelope, link: Link) -> tuple[Signature, bytes]:
    job = link.job
    verify: Callable[[], bytes] = lambda: envelope.verified(link.queue, job.id, _terms(link), Header.decode(job.head), job.body)  # noqa: E731
    return _signature(envelope, job.body, verify)


def _terms(link: Link) -> Terms:
    return Terms.decode(link.job.terms.encode())


def _of_chain(envelope: Envelope, chain: bytes) -> Iterator[Signature]:
    try:
        links: Iterable[Link] = decode_chain(chain) if chain else []
    except ChainUnreadable:
        yield Signature(DAMAGED)
        return
    for link in links:
        yield _of_link(envelope, link)[0]
        yield from _of_chain(envelope, link.job.chain)


def _signature(envelope: Envelope, raw: bytes, verify: Callable[[], bytes]) -> tuple[Signature, bytes]:
    """How it is signed, and what was signed; the raw bytes where nothing holds."""
    try:
        inner = verify()
    except Untrusted as error:
        state = _STATES[error.why]
        return Signature(state, key_id(raw) if state == UNKNOWN else ""), raw
    if not is_signed(raw):
        return Signature(UNSIGNED), inner
    key = key_id(raw)
    return Signature(SIGNS if key == envelope.keys.ids[0] else VERIFIES, key), inner
