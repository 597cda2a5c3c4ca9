"""Arguments that are nobody's business: `secret(value)` is shown as `***`, and `perform` gets the bare value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, TypeVar, cast

from exqueue.model.redact import HIDDEN

T = TypeVar("T")

MENTION: Final = b"exqueue.model.secret"  # in any pickle that carries one
_SHORTEST: Final = 4  # characters of a text that is looked for
_MOST: Final = 1000  # texts


class Secret:
    """What `secret` makes. It is only good for being an argument of a job."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> tuple[Any, tuple[object]]:
        return bare, (self._value,)


def secret(value: T) -> T:
    """An argument that is not shown: `enqueue(Login, "ada", secret("s3same"))`. Also inside of lists and dicts.

    In the worker process `***` also stands for it in the job's errors and log lines. The body in Redis holds it as it is.
    """
    return cast("T", Secret(value))


def bare(value: T) -> T:
    """What a pickled secret becomes. The codec puts a function in its place that also takes note of the value."""
    return value


class Mask:
    """Puts `***` in the place of the texts of secrets. False if there are none."""

    __slots__ = ("_texts",)

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        texts: set[str] = set()
        for value in secrets:
            _collect(value, texts, 5)
        longest_first = sorted(texts, key=lambda text: (-len(text), text))  # else the end of a longer one would be left
        self._texts = re.compile("|".join(map(re.escape, longest_first))) if texts else None

    def __bool__(self) -> bool:
        return self._texts is not None

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        return self._texts.sub(HIDDEN, text) if self._texts else text


NO_MASK: Final = Mask()


def _collect(value: object, texts: set[str], depth: int) -> None:
    """The texts of a value, as they are, as Python and JSON show them, and line by line."""
    if len(texts) >= _MOST or not depth:
        return
    kind = type(value)
    if kind is bytes or kind is bytearray:
        raw = bytes(cast("bytes", value))
        _add(raw.decode("utf-8", "replace"), texts)
        _add(repr(raw)[2:-1], texts)
    elif isinstance(value, str):
        text = str.__str__(value)
        for shown in (text, repr(text)[1:-1], json.dumps(text)[1:-1]):
            _add(shown, texts)
    elif kind in (list, tuple, set, frozenset):
        for item in cast("list[object]", value):
            _collect(item, texts, depth - 1)
    elif kind is dict:
        for item in cast("dict[object, object]", value).values():
            _collect(item, texts, depth - 1)


def _add(text: str, texts: set[str]) -> None:
    for part in (text, *text.splitlines()):
        if len(part.strip()) >= _SHORTEST:
            texts.add(part.strip())
