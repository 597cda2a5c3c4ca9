"""Large bodies are packed where that saves, and unpacked in no more memory than allowed."""

from __future__ import annotations

import os
import tracemalloc
import zlib

import pytest

from exqueue.model.codec import encode
from exqueue.model.envelope import PACKED, WORTH, Envelope, pack, unpack
from exqueue.model.errors import Untrusted
from exqueue.model.job import Header, Terms
from exqueue.model.options import call
from exqueue.model.signing import Keys
from tests.model.workers import Add

TEXT = b"\x01" + b"row 4711, " * 2000
BOMB = zlib.compress(b"\x00" * (64 << 20))


def packed(size: int, content: bytes) -> bytes:
    return PACKED + size.to_bytes(8, "big") + content


def refused(body: bytes, most: int = 10**6) -> tuple[str, str]:
    """Why a body is not unpacked. It must not take more memory than `most`, and some for itself."""
    tracemalloc.start()
    with pytest.raises(Untrusted) as caught:
        unpack(body, most)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * most + 2 * len(body) + 200_000
    return caught.value.why, str(caught.value)


@pytest.mark.parametrize("body", [b"\x01", b"\x01" * WORTH, TEXT, os.urandom(20_000), b"\x01" + os.urandom(5000) + TEXT], ids=len)
def test_a_body_comes_back_as_it_was(body: bytes) -> None:
    assert unpack(pack(body), len(body)) == body


def test_only_what_is_large_and_gets_smaller_is_packed() -> None:
    noise = os.urandom(20_000)
    assert (pack(TEXT[: WORTH - 1])[:1], pack(TEXT)[:1], len(pack(TEXT)) < 500, pack(noise) is noise) == (b"\x01", PACKED, True, True)
    assert pack(TEXT[:4500] + noise) == TEXT[:4500] + noise  # though it begins well


def test_a_bomb_that_says_its_size_is_refused_without_being_unpacked() -> None:
    assert refused(packed(10 << 30, BOMB)) == ("too large", "it is 10,737,418,240 bytes, more than max_body = 1,000,000")


@pytest.mark.parametrize("size", [0, 1, 1000, 10**6])
def test_a_bomb_that_lies_about_its_size_is_unpacked_no_further(size: int) -> None:
    assert refused(packed(size, BOMB)) == ("bad envelope", "it is cut off or damaged")


def test_what_was_never_packed_has_a_limit_too() -> None:
    assert (refused(b"\x01" + b"x" * 1000, 1000)[0], unpack(b"\x01" + b"x" * 999, 1000)[:1]) == ("too large", b"\x01")


@pytest.mark.parametrize("length", [1, 5, 9, 10, 20, -1])
def test_a_packed_body_that_was_cut_off_is_refused(length: int) -> None:
    assert refused(pack(TEXT)[:length])[0] in ("bad envelope", "too large")


@pytest.mark.parametrize("body", [packed(4, zlib.compress(b"\x01abc") + b"more"), packed(3, zlib.compress(b"\x01abc")),
                                  packed(5, zlib.compress(b"\x01abc")), packed(4, b"\x01abc"), packed(0, zlib.compress(b""))])  # fmt: skip
def test_a_packing_that_does_not_fit_is_refused(body: bytes) -> None:
    assert refused(body)[0] == "bad envelope"


def test_a_body_is_packed_first_and_signed_then_and_undone_in_that_order_only() -> None:
    envelope = Envelope("ns", Keys.parse("a key of sixteen bytes"), 10**6)
    sealed = envelope.close("q", "i", Terms(), Header(), TEXT)
    assert (sealed[37:38], envelope.open("q", "i", Terms(), Header(), sealed)) == (PACKED, TEXT)
    with pytest.raises(Untrusted, match="it is not signed"):
        envelope.open("q", "i", Terms(), Header(), packed(len(sealed), zlib.compress(sealed)))


def test_the_header_says_how_large_the_pickle_is() -> None:
    header, body = encode(Add, call("x" * 100_000), 5, 10**6)
    assert header.size == len(body) > 100_000 > len(Envelope().close("q", "i", Terms(), header, body))
