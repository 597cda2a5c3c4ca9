"""Text that came out of Redis, made safe to print; and values made into short text, safe to store."""

from __future__ import annotations

import datetime
import decimal
import enum
import itertools
import pathlib
import unicodedata
import uuid
import zoneinfo
from collections.abc import Sequence
from typing import Any, Final

from exqueue.model.redact import HIDDEN, NOTHING, Redact
from exqueue.model.secret import Secret

_PLAIN: Final = frozenset({int, float, complex, bool, type(None), datetime.date, datetime.timedelta, decimal.Decimal, uuid.UUID,
                           pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePosixPath, pathlib.PureWindowsPath})  # fmt: skip
_SHORT: Final = 10**18
_ZONES: Final = frozenset({type(None), datetime.timezone, zoneinfo.ZoneInfo})
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # control, format, surrogate, line and paragraph separator
_UNITS: Final = {"d": 86400, "h": 3600, "min": 60, "s": 1}
_JOINERS: Final = "\u200c\u200d"  # needed by some scripts, and in emoji; they hide nothing


def printable(text: str | bytes, *, keep_newlines: bool = False) -> str:
    r"""`text` with everything escaped that could move a cursor, hide text, or break a line.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char, keep_newlines) for char in text)


def _escape(char: str, keep_newlines: bool) -> str:
    if unicodedata.category(char) not in _UNSAFE or char in _JOINERS or (keep_newlines and char == "\n"):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str, limit: int = 300) -> str:
    """Printable, on one line, at most `limit` characters."""
    return shorten(printable(" ".join(text[: limit * 4].split())), limit)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, an ellipsis where some were left out."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def duration(seconds: float) -> str:
    """A time span as a person says it, in its two largest units.

    >>> duration(9998), duration(1.5)
    ('2 h 46 min', '1.5 s')
    """
    if seconds < 60:
        return f"{max(0.0, seconds):.3g} s"
    left, parts = round(seconds), list[tuple[int, str]]()
    for unit, size in _UNITS.items():
        number, left = divmod(left, size)
        parts += [(number, unit)] if number or parts else []
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number)


def summary(
    args: tuple[object, ...], kwargs: dict[str, object], limit: int = 200, *, names: Sequence[str] = (), redact: Redact = NOTHING
) -> str:
    """The arguments of a call as bounded, readable text. Calls no `repr` of the user's: it may be slow, huge, or raise.

    `names`: those of the parameters that the first of `args` are for; the last one is that of all that are left.
    """
    parts = [_named(names[min(place, len(names) - 1)] if names else "", value, redact) for place, value in enumerate(args[:20])]
    parts += [f"{name}={_named(name, value, redact)}" for name, value in list(kwargs.items())[:20]]
    if len(args) > 20 or len(kwargs) > 20:
        parts.append("…")
    return shorten(", ".join(parts), limit)


def _named(name: object, value: object, redact: Redact, depth: int = 2) -> str:
    return HIDDEN if redact.hides(name) else _brief(value, depth, redact)


def _brief(value: Any, depth: int, redact: Redact) -> str:
    kind = type(value)
    if kind is int and -_SHORT < value < _SHORT:
        return repr(value)
    if kind is str or kind is bytes:
        return repr(value[:60]) + ("…" if len(value) > 60 else "")
    if kind is int and value.bit_length() > 256:
        return f"<int of {value.bit_length()} bits>"
    if kind in _PLAIN or (kind in (datetime.datetime, datetime.time) and type(value.tzinfo) in _ZONES):
        return shorten(repr(value), 80)
    if issubclass(kind, enum.Enum):
        return f"{kind.__name__}.{object.__getattribute__(value, '_name_')}"
    if kind in (list, tuple, set, frozenset) and depth:
        return _brief_items(kind.__name__, list(itertools.islice(value, 5)), len(value), depth, redact)
    if kind is dict and depth:
        return _brief_dict(value, depth, redact)
    return HIDDEN if kind is Secret else f"<{kind.__module__}.{kind.__qualname__}>"


def _brief_items(kind: str, items: list[object], total: int, depth: int, redact: Redact) -> str:
    opening, closing = {"list": ("[", "]"), "tuple": ("(", ")")}.get(kind, ("{", "}"))
    shown = [_brief(item, depth - 1, redact) for item in items]
    if total > len(items):
        shown.append("…")
    return opening + ", ".join(shown) + closing


def _brief_dict(value: dict[object, object], depth: int, redact: Redact) -> str:
    shown = [f"{_brief(key, 0, redact)}: {_named(key, item, redact, depth - 1)}" for key, item in itertools.islice(value.items(), 5)]
    return "{" + ", ".join(shown) + (", …}" if len(value) > 5 else "}")


def message_of(error: BaseException) -> str:
    """What an exception says of itself, even if its `__str__` raises."""
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 (a __str__ of the user's)
        return "(its message cannot be shown: __str__ raised)"
