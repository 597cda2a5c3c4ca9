"""What is not shown: the values of arguments whose names say that they are secret, wherever `name=value` is written."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exqueue.model.errors import ConfigError

HIDDEN: Final = "***"
DEFAULT: Final = "*password*,*passwd*,*secret*,*token*,*api_key*,*authorization*,*credential*"
_LONGEST: Final = 4000  # characters of a quoted value

_PATTERN: Final = re.compile(r"[\w.*?-]+")
_PAIR: Final = re.compile(  # name=value, 'name': value, ['name'] = value
    r"""(?: (?P<quote>["'])(?P<quoted>[\w.-]{1,100})(?P=quote)\]?\s{0,4}[:=](?!=)
          | (?<![\w.-])(?P<bare>[\w.-]{1,100})\s{0,4}=(?!=) )[ \t]{0,4}""",
    re.VERBOSE,
)
_SCHEME: Final = re.compile(r"(?i)(?:basic|bearer|digest|token)[ \t]+(?=\S)")
_PREFIX: Final = re.compile(r"(?i)(?:[bfru]{1,2})(?=[\"'])")
_ENDS: Final = ",;&)]}>\"'`"
_CLOSING: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}


@dataclass(frozen=True, slots=True)
class Redact:
    """Which names. Case does not matter; `*` and `?` are as in names of files."""

    patterns: tuple[str, ...] = ()

    @staticmethod
    def parse(text: str) -> Redact:
        """From patterns with commas between them. Raises ConfigError."""
        patterns = tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else ("",)
        if not all(_PATTERN.fullmatch(pattern) for pattern in patterns):
            raise ConfigError(f"redact is {text!r}; it takes names of arguments, with * and ?, separated by commas")
        return Redact(patterns)

    def hides(self, name: object) -> bool:
        """Whether the value of this name is secret."""
        return isinstance(name, str) and _hides(self.patterns, name)

    def text(self, text: str) -> str:
        """The text with `***` for the values of such names."""
        return "".join(self._pieces(text)) if self.patterns else text

    def _pieces(self, text: str) -> Iterator[str]:
        done = 0
        for pair in _PAIR.finditer(text):
            if pair.start() >= done and self.hides(pair["quoted"] or pair["bare"]):
                end = _end_of_value(text, pair.end())
                if end > pair.end():
                    yield text[done : pair.end()] + HIDDEN
                    done = end
        yield text[done:]


NOTHING: Final = Redact()


@functools.lru_cache(maxsize=4096)
def _hides(patterns: tuple[str, ...], name: str) -> bool:
    """Kept, since each enqueue asks for the same few names."""
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _end_of_value(text: str, start: int) -> int:
    """Where a value ends that is written as Python, JSON or a shell would: quoted, in brackets, or one word."""
    begin = at = _after(_SCHEME, text, start)
    expected: list[str] = []  # closing brackets
    while at < len(text) and text[at] != "\n":
        char = text[at]
        if (expected or at == begin) and (char in "\"'" or _PREFIX.match(text, at)):
            at = _end_of_quoted(text, _after(_PREFIX, text, at))
            if not expected:
                return at
            continue
        if not expected and (char in _ENDS or char.isspace()):
            return at
        at += 1
        if expected and char == expected[-1]:
            expected.pop()
            if not expected:
                return at
        elif char in "([{" or (char == "<" and at == begin + 1):
            expected.append(_CLOSING[char])
    return at


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _end_of_quoted(text: str, at: int) -> int:
    """After the closing quote, be it some lines below; where there is none, at the end of the line."""
    quote, begin = text[at], at + 1
    at = begin
    while at < min(len(text), begin + _LONGEST):
        if text[at] == quote:
            return at + 1
        at += 2 if text[at] == "\\" else 1
    line = text.find("\n", begin)
    return len(text) if line < 0 else line
