"""Signatures: keys in, bytes out. A signed body is `kind, key id, tag, what was signed`; nothing here unpickles.

The tag is an HMAC-SHA256 over what the signature is for (its domain), over the fields that the body is bound to, and over
the body; each with its length in front, so that no two of these can be read as a third.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn

from exqueue.model.errors import ConfigError, Untrusted

SIGNED: Final = b"\x03"
JOB: Final = "exqueue job 1"
RESULT: Final = "exqueue result 1"
_KEY_ID: Final = "exqueue key id 1"

SHORTEST_KEY: Final = 16  # bytes
_ID: Final = 4  # bytes: enough to tell a few keys apart, and to be read by a person
_TAG: Final = hashlib.sha256().digest_size
_HEAD: Final = 1 + _ID + _TAG


class Keys:
    """Secrets: the first signs, all verify; without any, nothing is signed. Frozen; shows how many there are, and their ids.

    No dataclass, so that `asdict` of settings does not take it apart; not to be pickled, so that no job carries it away.
    """

    __slots__ = ("_secrets", "ids")

    ids: tuple[str, ...]
    _secrets: tuple[bytes, ...]

    def __init__(self, secrets: Iterable[bytes] = ()) -> None:
        """Raises ConfigError where a key is too short; the message says which, not what it is."""
        secrets = tuple(secrets)
        for number, secret in enumerate(secrets, 1):
            if len(secret) < SHORTEST_KEY:
                raise ConfigError(f"signing key {number} has {len(secret)} bytes; it takes {SHORTEST_KEY} or more, best random ones")
        object.__setattr__(self, "_secrets", secrets)
        object.__setattr__(self, "ids", tuple(_tag(secret, _KEY_ID, ())[:_ID].hex() for secret in secrets))

    @staticmethod
    def parse(text: str) -> Keys:
        """From keys with commas between them."""
        return Keys(part.strip().encode("utf-8", "surrogateescape") for part in text.split(",") if part.strip())

    def reveal(self) -> list[str]:
        """The keys themselves, for a process of ours, over a pipe that nobody else can read."""
        return [secret.hex() for secret in self._secrets]

    @staticmethod
    def revealed(texts: Iterable[str]) -> Keys:
        """The reverse."""
        return Keys(map(bytes.fromhex, texts))

    def with_id(self, key_id: bytes) -> list[bytes]:
        """The keys of this id; hardly ever more than one."""
        return [secret for secret, found in zip(self._secrets, self.ids, strict=True) if found == key_id.hex()]

    def first(self) -> bytes:
        """The one that signs."""
        return self._secrets[0]

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keys) and hmac.compare_digest("".join(self.reveal()), "".join(other.reveal()))

    def __hash__(self) -> int:
        return hash(self.ids)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"keys cannot be changed: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"keys cannot be changed: {name}")

    def __repr__(self) -> str:
        if not self.ids:
            return "none"
        return f"*** ({len(self.ids)} key{'s' if len(self.ids) > 1 else ''}: {', '.join(self.ids)})"

    def __copy__(self) -> Keys:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Keys:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("signing keys cannot be pickled; a worker process has its own")


NO_KEYS: Final = Keys()


def is_signed(body: bytes) -> bool:
    """Whether a body, or a result, says that it is signed; whether that holds, only `unseal` tells."""
    return body[:1] == SIGNED


def key_id(body: bytes) -> str:
    """The id of the key that a signed body says it was signed with."""
    return body[1 : 1 + _ID].hex()


def seal(keys: Keys, domain: str, fields: Sequence[str], inner: bytes) -> bytes:
    """Sign with the first of the keys; without any keys, what was given."""
    if not keys:
        return inner
    return b"".join((SIGNED, bytes.fromhex(keys.ids[0]), _tag(keys.first(), domain, fields, inner), inner))


def unseal(keys: Keys, domain: str, fields: Sequence[str], sealed: bytes) -> bytes:
    """What was signed, if the signature holds; without keys only what is not signed.

    Raises:
        Untrusted: `why` is `unsigned`, `no keys`, `unknown key`, `altered` or `bad envelope`.
    """
    if not is_signed(sealed):
        if keys:
            raise Untrusted("unsigned", "it is not signed")
        return sealed
    if len(sealed) <= _HEAD:
        raise Untrusted("bad envelope", "its signature is cut off")
    found = key_id(sealed)
    if not keys:
        raise Untrusted("no keys", f"it is signed (key {found}), and there are no keys here")
    tag, inner = sealed[1 + _ID : _HEAD], sealed[_HEAD:]
    tried = keys.with_id(sealed[1 : 1 + _ID])
    if not tried:
        raise Untrusted("unknown key", f"it is signed with a key that is not known here (key {found})")
    if not any(hmac.compare_digest(tag, _tag(secret, domain, fields, inner)) for secret in tried):
        raise Untrusted("altered", f"its signature (key {found}) does not fit")
    return inner


def unproven(sealed: bytes) -> bytes:
    """What stands behind the signature, if there is one, without asking whether it holds. Only to be shown to a person."""
    return sealed[_HEAD:] if is_signed(sealed) else sealed


def _tag(secret: bytes, domain: str, fields: Sequence[str], inner: bytes = b"") -> bytes:
    head = "".join([f"{len(text)}:{text}" for text in (domain, *fields)])
    message = f"{head}{len(inner)}:".encode("utf-8", "surrogatepass")  # ids that somebody else put there may be any bytes
    return hmac.digest(secret, message + inner, "sha256")
