"""Where a queue can be wounded: an entry of any of its keys. Says which jobs and ordering keys may suffer from it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exqueue.store.keys import KINDS
from tests.hostile.matter import anything, wounded
from tests.hostile.yard import QUEUE, Healthy, Yard

SKIPPED: Final = frozenset({"counters"})  # a wounded one makes every step refuse; see test_kinds.py
WEIGHTS: Final = {"jobs": 8, "bodies": 8, "runs": 6, "terms": 6, "errors": 4, "pending": 4}
SCORES: Final = ("inf", "-inf", "1e308", "-1e308", "0", "9007199254740993", "1", "0.5")


@dataclass(frozen=True)
class Wound:
    """What was done. `jobs`, `keys`: which jobs and ordering keys it may harm."""

    kind: str
    field: bytes
    value: bytes
    jobs: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()


def inflict(yard: Yard, healthy: Healthy, chance: random.Random, mark: Path) -> Wound:
    """One wound, anywhere."""
    kinds = [kind for kind in KINDS if kind not in SKIPPED]
    kind = chance.choices(kinds, [WEIGHTS.get(kind, 1) for kind in kinds])[0]
    made = {"hash": _hash, "list": _list, "zset": _zset, "set": _set, "stream": _stream}[KINDS[kind]](yard, kind, chance, mark)
    return _of(kind, made, healthy)


def _hash(yard: Yard, kind: str, chance: random.Random, mark: Path) -> tuple[bytes, bytes]:
    flat = yard.ask("HGETALL", yard.name(kind))
    entries = dict(zip(flat[::2], flat[1::2], strict=True))
    if not entries or chance.random() < 0.1:
        field, value = anything(chance, mark)[:300] + b"?", anything(chance, mark)
    else:
        field = chance.choice(list(entries))
        value = wounded(chance, entries[field], chance.choice(list(entries.values())), mark)
    yard.ask("HSET", yard.name(kind), field, value)
    return field, value


def _list(yard: Yard, kind: str, chance: random.Random, mark: Path) -> tuple[bytes, bytes]:
    value = anything(chance, mark)[:300]
    slot = chance.choice(("held", "s", "never-opened"))
    name = yard.app.store.keys(QUEUE).processing(slot) if kind == "processing" else yard.name(kind)
    yard.ask(chance.choice(("LPUSH", "RPUSH")), name, value)
    return value, b""


def _zset(yard: Yard, kind: str, chance: random.Random, mark: Path) -> tuple[bytes, bytes]:
    members = yard.ask("ZRANGE", yard.name(kind), 0, -1)
    known = bool(members) and chance.random() < 0.4
    member, score = chance.choice(members) if known else anything(chance, mark)[:300], chance.choice(SCORES)
    if kind == "waiting":  # its scores are all 0, else a server does not look at its order
        score = "0"
    yard.ask("ZADD", yard.name(kind), score, member)
    return member, score.encode()


def _set(yard: Yard, kind: str, chance: random.Random, mark: Path) -> tuple[bytes, bytes]:
    value = anything(chance, mark)[:300]
    yard.ask("SADD", yard.name(kind), value)
    return value, b""


def _stream(yard: Yard, kind: str, chance: random.Random, mark: Path) -> tuple[bytes, bytes]:
    value = anything(chance, mark)[:300]
    yard.ask("XADD", yard.name(kind), "*", chance.choice((b"event", b"job", b"more", value or b"x")), value)
    return value, b""


def _of(kind: str, made: tuple[bytes, bytes], healthy: Healthy) -> Wound:
    """Who may suffer: a job for what is its own, all of an ordering key for what that key is made of."""
    field, value = made
    names = [field.decode("utf-8", "replace"), value.decode("utf-8", "replace"), field.rpartition(b" ")[2].decode("utf-8", "replace")]
    jobs = {name for name in names if name in healthy.keys}
    keys = {healthy.keys[job] for job in jobs} | {word for name in names for word in (name, name.partition(" ")[0]) if word in "ABC"}
    if kind == "terms":
        keys |= set(value[:1].decode("ascii", "replace")) & set("ABC")
    if kind == "heads" or (kind in ("waiting", "blocked") and not keys):
        keys |= set("ABC")
    return Wound(kind, field, value, frozenset(jobs), frozenset(keys - {""}))
