"""Hostile bytes: text that steers terminals, numbers that are none, JSON that nests, pickles that act; and wounds of what is there."""

from __future__ import annotations

import json
import os
import pickle
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TEXTS: Final = (
    "[red]x[/red] [/] \x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x7f", "\u202e\u2066\u200f", "\ud800\udcff", "\x00\x00",
    "a\r\nERROR forged", "\u2028\u2029", "<script>alert(1)</script>", "../../etc/passwd", "%s%n{0}{0.__class__}", "'; FLUSHALL; --",
    "\ufeff", "!", "-", "", " ", "\t", "9" * 400, "-1", "1e999", "NaN", "A 0000000000000001 x", "1 1 1 1 s/1", "by hand",
)  # fmt: skip
JSONS: Final = (
    b"[" * 2000 + b"]" * 2000, b'{"a":' * 2000 + b"1" + b"}" * 2000, b"NaN", b"Infinity", b"-Infinity", b"9007199254740993", b"1e999",
    b'{"seq":NaN}', b'{"seq":1e999}', b'{"seq":-1}', b'{"seq":9007199254740993,"worker":[]}', b'{"worker":null}', b"{}", b"[]", b"null",
    b'"x"', b'{"timeout":-1,"keep":1e308}', b'{"at":%d}' % 10**300, b'{"message":"\\ud800\\u001b[2J"}', b'{"adopted":1}', b'[["q",1]]',
    b"[[[]]]",
)  # fmt: skip


@dataclass(frozen=True)
class Bomb:
    """A pickle that leaves a mark where it is unpickled."""

    mark: str

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.mark,)


def bombs(mark: Path) -> tuple[bytes, ...]:
    """Bodies, results and the like that make `mark` when somebody unpickles them, and some that would fill the memory."""
    armed = pickle.dumps(Bomb(str(mark)))
    huge = b"\x80\x05\x95\xff\xff\xff\xff\xff\xff\xff\x7f."
    bytearray8 = b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b"."
    return tuple(kind + raw for kind in (b"\x01", b"\x02", b"\x12", b"") for raw in (armed, huge, bytearray8))


def anything(chance: random.Random, mark: Path) -> bytes:
    """Something that was never meant to be there."""
    kind = chance.randrange(5)
    if kind == 0:
        return chance.choice(JSONS)
    if kind == 1:
        return chance.choice(bombs(mark))
    if kind == 2:
        return chance.randbytes(chance.choice((0, 1, 3, 40, 5000)))
    text = chance.choice(TEXTS)
    return json.dumps({chance.choice(("worker", "args", "py", "message", "type")): text}).encode() if kind == 3 else raw(text)


def raw(text: str) -> bytes:
    """As it would be written by somebody who does not mind."""
    return text.encode("utf-8", "surrogatepass")


def wounded(chance: random.Random, value: bytes, other: bytes, mark: Path) -> bytes:
    """A value with a bit flipped, cut off, spliced with another, doubled, or replaced by anything."""
    kind = chance.randrange(6)
    if kind == 0 and value:
        position = chance.randrange(len(value))
        return value[:position] + bytes([value[position] ^ (1 << chance.randrange(8))]) + value[position + 1 :]
    if kind == 1 and value:
        return value[: chance.randrange(len(value))]
    if kind == 2:
        cut = chance.randrange(min(len(value), len(other)) + 1)
        return value[:cut] + other[cut:]
    if kind == 3:
        return other
    return value + value if kind == 4 else anything(chance, mark)
