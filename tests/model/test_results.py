"""What a job returned comes back as it was, or it is said why not; looking at it unpickles nothing."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from exqueue.model.codec import decode_result, encode_result, result_in_words
from exqueue.model.errors import ResultUnavailable
from tests.model.test_codec import Mute, Unwilling
from tests.model.workers import Add, Outer

PLAIN = [None, True, 0, -7, 10**30, 1.5, "é\ud800\x00", [], {}, [1, [2.0, {"a": None}]], {"a": [True]}]
OTHERS = [(1, 2), {1: 2}, {"a": (1,)}, b"x", {3}, float("inf"), complex(1, 2), datetime(2020, 1, 2), Path("/x"), Add, [Outer.Inner]]  # noqa: DTZ001


@pytest.mark.parametrize(("values", "kind"), [(PLAIN, b"\x11"), (OTHERS, b"\x12")], ids=["plain", "others"])
def test_a_result_comes_back_as_it_was(values: list[object], kind: bytes) -> None:
    raws = [encode_result(value, 10**6) for value in values]
    found = [decode_result("x", raw) for raw in raws]
    assert ([raw[:1] for raw in raws], found, [*map(type, found)]) == ([kind] * len(values), values, [*map(type, values)])


def test_a_result_that_is_no_number_comes_back_as_none() -> None:
    found = decode_result("x", encode_result(float("nan"), 10**6))
    assert (type(found), found == found) == (float, False)  # noqa: PLR0124


@pytest.mark.parametrize("depth", [19, 25, 100])
def test_a_nest_of_lists_comes_back(depth: int) -> None:
    nest: list[Any] = []
    for _ in range(depth):
        nest = [nest]
    assert decode_result("x", encode_result(nest, 10**6)) == nest


def not_available(raw: bytes) -> str:
    with pytest.raises(ResultUnavailable) as caught:
        decode_result("x", raw)
    assert (caught.value.job_id, caught.value.timed_out, str(caught.value).isprintable()) == ("x", False, True)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (threading.Lock(), "it cannot be pickled: TypeError: cannot pickle '_thread.lock' object"),
        (Unwilling(ValueError("a\nb\x1b[2J\ud800")), "it cannot be pickled: ValueError: a b\\x1b[2J\\ud800"),
        (Unwilling(Mute()), "it cannot be pickled: Mute: (its message cannot be shown"),
        ("x" * 2_000, "it is 2,003 bytes, more than max_body = 1,000"),
        (b"x" * 2_000, "bytes, more than max_body = 1,000"),
    ],
    ids=["lock", "raises", "mute", "long text", "long bytes"],
)
def test_a_result_that_cannot_be_kept_says_why(value: object, said: str) -> None:
    assert said in not_available(encode_result(value, 1_000))


def test_a_result_as_long_as_may_be_is_kept() -> None:
    raw = encode_result("x" * 100, 10**6)
    assert (encode_result("x" * 100, len(raw)), encode_result("x" * 100, len(raw) - 1)[:1]) == (raw, b"\x13")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "it is in an unknown format"), (b"\x07x", "it is in an unknown format"), (b"\x11{", "it cannot be read: JSONDecodeError"),
        (b"\x11\xff", "it cannot be read: UnicodeDecodeError"), (b"\x11" + b"[" * 100_000, "it cannot be read: RecursionError"),
        (b"\x12x", "it cannot be read: UnpicklingError"), (b"\x12", "it cannot be read: EOFError"),
        (b"\x12cnowhere\nAdd\n.", "it cannot be read: ModuleNotFoundError"), (b"\x13\xff\x1b[2J", "\\x1b[2J"),
    ],
)  # fmt: skip
def test_what_is_no_result_says_why(raw: bytes, said: str) -> None:
    assert said in not_available(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (encode_result([1, "é\x1b"], 99), '[1, "\\u00e9\\u001b"]'), (b"\x11\x1b[2J\n\xff", "\\x1b[2J \ufffd"),
        (b"\x12cos\nsystem\n.", "<13 bytes, pickled>"), (b"\x13it cannot", "it cannot"), (b"", ""),
    ],
)  # fmt: skip
def test_a_result_is_shown_without_being_unpickled(raw: bytes, words: str) -> None:
    assert result_in_words(raw) == words
