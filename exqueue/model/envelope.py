"""What is around a body: it is packed where that saves, then signed. Undone in one order only, each layer before the next:

signature, size, unpacking; what is left the codec unpickles. Nothing here does.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from exqueue.model.errors import ResultUnavailable, Untrusted
from exqueue.model.job import Header, Terms
from exqueue.model.signing import JOB, NO_KEYS, RESULT, Keys, is_signed, seal, unseal

PACKED: Final = b"\x04"  # size, as eight bytes; zlib of a body that is neither packed nor signed
_SIZE: Final = slice(1, 9)
WORTH: Final = 8192  # bytes from which on packing is tried; see docs/adr/0021-signed-bodies.md
_PROBE: Final = 4096  # bytes that tell whether the rest is worth the time
_SAVES: Final = 0.8  # of its size at most, or it is stored as it is
_LEVEL: Final = 1

_ADVICE: Final = {
    "unsigned": "enqueue it again; or, if you know who wrote it, sign it with `exqueue keys resign --unsigned` and requeue it",
    "no keys": "set EXQUEUE_SIGNING_KEYS for this runner, then requeue the job",
    "unknown key": "add it to EXQUEUE_SIGNING_KEYS, or run `exqueue keys resign` where it is known, then requeue the job",
    "altered": "it, or its header, was changed after it was signed, or it belongs to another job; enqueue it again, and see who can "
    "write to Redis",
    "too large": "raise EXQUEUE_MAX_BODY for this runner, then requeue the job; or delete it",
    "bad envelope": "delete it, or enqueue it again",
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """How bodies and results of a namespace are signed and packed. `max_body`: bytes of a body that is not packed."""

    namespace: str = ""
    keys: Keys = NO_KEYS
    max_body: int = 16 * 1024 * 1024

    def close(self, queue: str, job_id: str, terms: Terms, header: Header, body: bytes) -> bytes:
        """A body as it is stored, bound to its job and to all of the header that a worker process acts on."""
        packed = pack(body)
        return seal(self.keys, JOB, self._fields(queue, job_id, terms, header), packed) if self.keys else packed

    def open(self, queue: str, job_id: str, terms: Terms, header: Header, sealed: bytes) -> bytes:
        """The reverse.

        Raises:
            Untrusted: the body must not be unpickled; the message says what to do.
        """
        try:
            return unpack(self.verified(queue, job_id, terms, header, sealed), self.max_body)
        except Untrusted as error:
            raise Untrusted(error.why, f"the job's body cannot be trusted: {error}; {_ADVICE[error.why]}") from None

    def verified(self, queue: str, job_id: str, terms: Terms, header: Header, sealed: bytes) -> bytes:
        """A stored body without its signature, still packed. Raises Untrusted, as `unseal`."""
        if not self.keys and not is_signed(sealed):
            return sealed
        return unseal(self.keys, JOB, self._fields(queue, job_id, terms, header), sealed)

    def renewed(self, queue: str, job_id: str, terms: Terms, header: Header, packed: bytes) -> bytes:
        """A body that was verified, signed with the first key."""
        return seal(self.keys, JOB, self._fields(queue, job_id, terms, header), packed)

    def close_result(self, queue: str, job_id: str, result: bytes) -> bytes:
        """A result as it is stored."""
        return seal(self.keys, RESULT, (self.namespace, queue, job_id), result)

    def verified_result(self, queue: str, job_id: str, sealed: bytes) -> bytes:
        """The reverse. Raises Untrusted, as `unseal`."""
        return unseal(self.keys, RESULT, (self.namespace, queue, job_id), sealed)

    def open_result(self, queue: str, job_id: str, sealed: bytes) -> bytes:
        """The reverse of `close_result`, for whoever waits for it. Raises ResultUnavailable: it cannot be trusted."""
        try:
            return self.verified_result(queue, job_id, sealed)
        except Untrusted as error:
            raise ResultUnavailable(job_id, f"it cannot be trusted: {error}; see EXQUEUE_SIGNING_KEYS") from None

    def _fields(self, queue: str, job_id: str, terms: Terms, header: Header) -> tuple[str, ...]:
        """What decides which code runs, with what, and for how long; its order is part of the format."""
        times = ("" if seconds is None else repr(float(seconds)) for seconds in (header.timeout, header.keep))
        acted_on = (header.worker, header.by, header.python, header.cloudpickle, str(header.at), *times)
        return (self.namespace, queue, job_id, terms.key, *acted_on)


PLAIN: Final = Envelope()


def pack(body: bytes) -> bytes:
    """The body, packed if that is worth it."""
    if len(body) < WORTH or len(zlib.compress(body[:_PROBE], _LEVEL)) > _PROBE * _SAVES:
        return body
    packed = PACKED + len(body).to_bytes(8, "big") + zlib.compress(body, _LEVEL)
    return packed if len(packed) <= len(body) * _SAVES else body


def unpack(body: bytes, most: int) -> bytes:
    """The reverse, in no more memory than `most` bytes, whatever the body says.

    Raises:
        Untrusted: it is too large, or no packing of ours.
    """
    size = int.from_bytes(body[_SIZE], "big") if body[:1] == PACKED else len(body)
    if size > most:
        raise Untrusted("too large", f"it is {size:,} bytes, more than max_body = {most:,}")
    if body[:1] != PACKED:
        return body
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(body[_SIZE.stop :], size + 1)  # one more, so that one which goes on is noticed
    except zlib.error:
        found = b""
    if not found or len(found) != size or not unpacker.eof or unpacker.unused_data:
        raise Untrusted("bad envelope", "it is cut off or damaged")
    return found
