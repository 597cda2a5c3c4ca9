"""Text out of Redis is safe to print; values become text that is short and safe to make."""

from __future__ import annotations

import datetime
import decimal
import enum
import pathlib
import sys
import unicodedata
import uuid
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from exqueue.model.text import duration, message_of, one_line, printable, shorten, summary


class Secretive:
    """Nothing of it may be called."""

    def __repr__(self) -> NoReturn:
        raise AssertionError("__repr__ was called")

    __str__ = __len__ = __iter__ = __bool__ = __repr__
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> NoReturn:
        raise AssertionError("__eq__ was called")


class SecretList(list[int]):
    __repr__ = __len__ = __iter__ = Secretive.__repr__


class SecretStr(str):
    __slots__ = ()
    __repr__ = __str__ = Secretive.__repr__


class SecretInt(int):
    __repr__ = __str__ = Secretive.__repr__


class SecretZone(datetime.tzinfo):
    __repr__ = Secretive.__repr__

    def utcoffset(self, _: datetime.datetime | None, /) -> None:
        return None

    dst = tzname = utcoffset


class SecretPath(pathlib.PurePosixPath):
    __repr__ = __str__ = Secretive.__repr__


class SecretClass:
    @property  # type: ignore[misc]
    def __class__(self) -> NoReturn:  # type: ignore[override]
        raise AssertionError("__class__ was asked")


class SecretHash:
    armed = False

    def __hash__(self) -> int:
        assert not SecretHash.armed
        return 1


class Colour(enum.Enum):
    RED = 1
    __repr__ = Secretive.__repr__


SECRETIVE: dict[str, Callable[[], object]] = {
    "object": Secretive,
    "in a list": lambda: [Secretive()],
    "in a dict": lambda: {"a": Secretive()},
    "as a key": lambda: {Secretive(): 1},
    "in a set in a tuple": lambda: (Secretive(), {Secretive()}),
    "kind of list": SecretList,
    "kind of str": lambda: SecretStr("x"),
    "kind of int": lambda: [[SecretInt(1)]],
    "zone of a datetime": lambda: datetime.datetime(2020, 1, 1, tzinfo=SecretZone()),
    "zone of a time": lambda: datetime.time(1, tzinfo=SecretZone()),
    "kind of path": lambda: SecretPath("a"),
    "__class__": SecretClass,
    "enum": lambda: Colour.RED,
}


@pytest.mark.parametrize("make", SECRETIVE.values(), ids=SECRETIVE)
def test_a_summary_calls_nothing_of_the_users(make: Callable[[], object]) -> None:
    assert isinstance(summary((make(),), {"x": make()}), str)


def test_a_summary_calls_no_hash_of_the_users() -> None:
    value = {SecretHash(): 1}
    SecretHash.armed = True
    assert summary((value,), {}) == "{<tests.model.test_text.SecretHash>: 1}"


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((), {}, ""),
        ((1, "a", b"b", None, True, 1.5), {}, "1, 'a', b'b', None, True, 1.5"),
        ((), {"full": True, "n": 1}, "full=True, n=1"),
        (([1, 2, 3, 4, 5, 6],), {}, "[1, 2, 3, 4, 5, …]"),
        (((1,), {2}, frozenset()), {}, "(1), {2}, {}"),
        (({"a": [1, [2, [3]]]},), {}, "{'a': [1, <builtins.list>]}"),
        ((dict.fromkeys(range(6)),), {}, "{0: None, 1: None, 2: None, 3: None, 4: None, …}"),
        (("x" * 61,), {}, f"'{'x' * 60}'…"),
        ((1 << 300,), {}, "<int of 301 bits>"),
        ((Secretive(), Secretive), {}, "<tests.model.test_text.Secretive>, <builtins.type>"),
        ((Colour.RED, pathlib.PurePosixPath("a/b")), {}, "Colour.RED, PurePosixPath('a/b')"),
        ((datetime.date(2020, 1, 2), datetime.timedelta(1)), {}, "datetime.date(2020, 1, 2), datetime.timedelta(days=1)"),
        ((decimal.Decimal("1.0"), uuid.UUID(int=0)), {}, "Decimal('1.0'), UUID('00000000-0000-0000-0000-000000000000')"),
        (("\x1b[2J\n",), {}, r"'\x1b[2J\n'"),
    ],
)
def test_arguments_are_summed_up_as_a_person_would_write_them(args: tuple[Any, ...], kwargs: dict[str, Any], text: str) -> None:
    assert summary(args, kwargs) == text


@pytest.mark.parametrize(
    "args",
    [
        tuple(range(1_000)),
        ("x" * 10**6,),
        ([["x" * 100] * 100] * 100,),
        (1 << 10**6,),
        ({"k" * 10**5: "v" * 10**5},),
        (decimal.Decimal(10**4000),),
    ],
    ids=["many", "long", "nested", "number", "dict", "decimal"],
)
def test_a_summary_is_short(args: tuple[Any, ...]) -> None:
    assert (len(summary(args, {})) <= 200, len(summary((), {"k" * 10**5: args})) <= 200) == (True, True)


def test_everything_that_moves_a_cursor_hides_text_or_breaks_a_line_is_escaped() -> None:
    needed = "\u200c\u200d"  # by some scripts, and in emoji; they hide nothing
    every = (chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert [hex(ord(char)) for char in every if printable(char) == char and char not in needed] == []


@pytest.mark.parametrize("text", ["", "plain text", "é ß 漢字 🙂", "a\u00a0b"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x1b[2Jb", r"a\x1b[2Jb"), (b"a\xff\n", r"a\xff\x0a"), ("\ud800", r"\ud800"), ("\u202e", r"\u202e"), ("\x9b\x7f", r"\x9b\x7f")],
)
def test_what_is_escaped_can_be_recognised(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


def test_newlines_can_be_kept() -> None:
    assert printable("a\n\tb\r\n", keep_newlines=True) == "a\n\\x09b\\x0d\n"


@pytest.mark.parametrize(
    ("text", "line"), [("a\nb\r\n\tc", "a b c"), ("  a  ", "a"), ("", ""), ("a\x1bb\u2028c", r"a\x1bb c"), ("x" * 500, "x" * 299 + "…")]
)
def test_one_line_is_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(("text", "limit", "short"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("", 0, "")])
def test_a_text_is_shortened_visibly(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


def test_an_exception_that_cannot_say_what_it_is_still_has_a_message() -> None:
    class Mute(Exception):
        __str__ = Secretive.__repr__

    assert (message_of(ValueError("x")), message_of(Mute())) == ("x", "(its message cannot be shown: __str__ raised)")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"), (0, "0 s"), (0.0123, "0.0123 s"), (1.2345, "1.23 s"), (59.9999, "60 s"), (60, "1 min"), (61.4, "1 min 1 s"),
        (3600, "1 h"), (3601, "1 h"), (9997.932, "2 h 46 min"), (86_400 * 400.5, "400 d 12 h"), (1e10, "115740 d 17 h"),
    ],
)  # fmt: skip
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said
