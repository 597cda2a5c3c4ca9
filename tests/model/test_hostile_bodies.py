"""A body that was damaged gives a reason, never a crash of whoever loads it."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue.model.codec import decode, encode
from exqueue.model.errors import CannotLoad
from exqueue.model.options import call
from tests.model.workers import Add

PLAIN = call(7, "text", b=[1, 2.5, None, {"key": ("a", b"bytes")}], c={"x": {1, 2}})
HEADER, BODY = encode(Add, PLAIN, 5, 10**6)
EXPECTED = {("no_body", True), ("bad_body", True), (Add, tuple, dict)}


@pytest.fixture(autouse=True, scope="module")
def little_memory() -> Iterator[None]:
    """A damaged number may ask pickle for gigabytes; refused, that is a reason like any other."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def load(body: bytes) -> tuple[object, ...]:
    """What comes of a damaged body."""
    try:
        worker, given = decode(HEADER, body, {})
    except CannotLoad as error:
        return error.reason, str(error).isprintable()
    return worker, type(given.args), type(given.kwargs)


@pytest.mark.parametrize("length", range(len(BODY)))
def test_a_body_that_was_cut_off_is_not_loaded(length: int) -> None:
    with pytest.raises(CannotLoad):
        decode(HEADER, BODY[:length], {})


def test_a_body_with_one_bit_flipped_comes_to_a_call_or_a_reason() -> None:
    flipped = [bytes([*BODY[:n], BODY[n] ^ (1 << bit), *BODY[n + 1 :]]) for n in range(len(BODY)) for bit in range(8)]
    assert {*map(load, flipped)} <= EXPECTED


@pytest.mark.parametrize("seed", range(20))
def test_a_body_with_bytes_replaced_inserted_and_removed_comes_to_a_call_or_a_reason(seed: int) -> None:
    chance = random.Random(seed)
    assert {load(damaged(BODY, chance)) for _ in range(100)} <= EXPECTED


def damaged(body: bytes, chance: random.Random) -> bytes:
    """The body with one to six wounds."""
    content = bytearray(body)
    for _ in range(chance.randint(1, 6)):
        where = chance.randrange(1, len(content))
        content[where : where + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
    return bytes(content)
