"""The Lua files, loaded: their headers are parsed and enforced, so that a wrong key or argument cannot reach Redis."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from exqueue.model.lifecycle import Move, Place
from exqueue.store.keys import KINDS, QueueKeys
from exqueue.store.replies import raw_id

_FUNCTION: Final = re.compile(r"^local function (\w+)\((?:[^\n]* end$|.*?^end$)\n?", re.MULTILINE | re.DOTALL)
_FIELD: Final = re.compile(r"^-- (keys|argv|first|uses|checks|moves|replies):[ ]*(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One step. `argv`: the names of its arguments; `repeats`: names that follow, over and over, for a list of things."""

    name: str
    keys: tuple[str, ...]
    argv: tuple[str, ...]
    repeats: tuple[str, ...]
    moves: frozenset[Move]
    replies: frozenset[bytes]
    source: str
    sha: str

    def locate(self, keys: QueueKeys, given: dict[str, Any], slots: Sequence[str] | None = None) -> list[str | bytes]:
        """The names of the keys it touches, in the order of its header.

        A processing list is that of the argument `slot`, or those of all `slots`: then it is the last one of the header.
        """
        if "processing" not in self.keys:
            return [keys[name] for name in self.keys]
        lists = [raw_id(keys.processing(slot)) for slot in ([given["slot"]] if slots is None else slots)]
        return [found for name in self.keys for found in (lists if name == "processing" else [keys[name]])]

    def arguments(self, given: dict[str, Any], rest: Sequence[str | bytes]) -> list[Any]:
        """ARGV, in the order of the header. Raises TypeError where the call and the header differ."""
        if tuple(given) != self.argv or (rest and (not self.repeats or len(rest) % len(self.repeats))):
            raise TypeError(f"{self.name}.lua takes {self.argv} then {self.repeats}, got {tuple(given)} and {len(rest)} more")
        return [*given.values(), *rest]

    def by_name(self, keys: Sequence[str | bytes], argv: Sequence[Any]) -> tuple[Any, ...]:
        """The command that runs it on a server which knows it."""
        return "EVALSHA", self.sha, len(keys), *keys, *argv


@functools.cache
def script(name: str) -> Script:
    """A step by its name: `script("claim")` is claim.lua with the shared parts it uses in front."""
    text = _read(name)
    header = dict(_FIELD.findall(text))
    keys = tuple(header["keys"].split())
    unknown = [key for key in keys if key not in KINDS]
    if unknown or not header.get("replies"):
        raise ValueError(f"{name}.lua: unknown keys {unknown} or no replies in its header")
    fixed, repeats = _arguments(header["argv"])
    named = [_names(keys, "KEYS"), _names(fixed, "ARGV")]
    # What comes first needs no more than the base, and returns before the functions of the others are made, or falls through.
    first = [f"do\n{_part(name, part, keys)}end" for part in header.get("first", "").split()]
    parts = [*named, _read("_base"), *first, *(_part(name, part, keys) for part in header.get("uses", "").split())]
    shadowed = sorted(set(re.findall(r"^local (?:function )?(\w+)", "\n".join(parts[len(named) :]), re.MULTILINE)) & {*keys, *fixed})
    if shadowed:
        raise ValueError(f"{name}.lua: a part it uses has a name of its own for {shadowed}")
    checks = header.get("checks", "types counters")
    if "counters" in keys and "counters" in checks:
        parts.append("local wrong = bad_counter()\nif wrong then return redis.error_reply(wrong) end")
    if "types" in checks:
        parts.append("check({" + ", ".join(f"'{KINDS[key]}'" for key in keys) + "})")
    source = used("\n".join([*parts, text]))
    return Script(
        name, keys, fixed, repeats, _moves(header["moves"]),
        frozenset(word.split(",")[0].strip().encode() for word in header["replies"].split("|")),
        source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest(),
    )  # fmt: skip


def used(source: str) -> str:
    """The source without the functions that nothing in it can come to: making them takes a server longer than many a command."""
    functions = {match[1]: match[0] for match in _FUNCTION.finditer(source)}
    reached, text = set[str](), _FUNCTION.sub("", source)
    while new := set(re.findall(r"\w+", text)) & functions.keys() - reached:
        reached |= new
        text = "\n".join(functions[name] for name in new)
    return _FUNCTION.sub(lambda match: match[0] if match[1] in reached else "", source)


def script_names() -> list[str]:
    """The names of all steps."""
    files = resources.files("exqueue.store.lua").iterdir()
    return sorted(f.name[:-4] for f in files if f.name.endswith(".lua") and not f.name.startswith("_"))


def _part(name: str, part: str, keys: tuple[str, ...]) -> str:
    text = _read(f"_{part}")
    missing = sorted(set(dict(_FIELD.findall(text))["keys"].split()) - set(keys))
    if missing:
        raise ValueError(f"{name}.lua uses _{part}.lua, which needs the keys {missing}")
    return text


def _read(name: str) -> str:
    return resources.files("exqueue.store.lua").joinpath(f"{name}.lua").read_text("utf-8")


def _names(names: tuple[str, ...], table: str) -> str:
    """A local for each: `local slot, token = ARGV[1], ARGV[2]`."""
    return f"local {', '.join(names)} = {', '.join(f'{table}[{n + 1}]' for n in range(len(names)))}" if names else ""


def _arguments(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`slot then id info for each …` -> (slot,), (id, info)."""
    text, several, _ = text.partition(" for each")
    if not several:
        return tuple(text.split()), ()
    fixed, then, repeats = text.rpartition("then ")
    return (tuple(fixed.split()), tuple(repeats.split())) if then else ((), tuple(text.split()))


def _moves(text: str) -> frozenset[Move]:
    pairs = [part.split("->") for part in text.split(",") if part.strip()]
    return frozenset((Place(a.strip()), Place(b.strip())) for a, b in pairs)
