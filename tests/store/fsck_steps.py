"""The steps of fsck, each with a queue in which it has something to do. See steps.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from exqueue.store.audit import Auditor
from tests.store.kit import ERROR, Bench

Act = Callable[[], object]


def _asks(bench: Bench, step: str, *rest: str, **argv: Any) -> Act:
    """With the slots there are now, but as whoever the bench is by then."""
    slots = Auditor(bench.store, "q").look_again()

    def ask() -> object:
        auditor = Auditor(bench.store, "q")
        auditor.slots = slots
        return auditor.settled(step, rest, **argv)

    return ask


def _audit(bench: Bench) -> Act:
    bench.open("s")
    bench.put("a", "b")
    bench.put("c", key="k", unique="u")
    return _asks(bench, "audit", "a", "b", "c", "unknown", exact="1")


def _tally(bench: Bench) -> Act:
    bench.start("a", "b")
    return _asks(bench, "tally")


def _strays(bench: Bench) -> Act:
    bench.start("a", "b")
    return _asks(bench, "strays", which=1, cursor=0, count=100)


def _relocate(bench: Bench) -> Act:
    bench.open("s")
    bench.put("lost", "behind", key="k")
    bench.put("twice")
    bench.ask("LREM", bench.keys["pending"], 0, "lost")
    bench.ask("ZADD", bench.keys["failed"], 1, "twice")
    return _asks(bench, "relocate", "lost", "twice", "behind", "unknown", error=ERROR.encode(), long_gone="")


def _strip(bench: Bench) -> Act:
    bench.put("a")
    bench.ask("HSET", bench.keys["runs"], "x", "1 0 0 0 -")
    bench.ask("ZADD", bench.keys["waiting"], 0, "k 0000000000000007 x")
    bench.ask("HINCRBY", bench.keys["counters"], "enqueued", 1)
    return _asks(bench, "strip", "runs", "x", "", "waiting", "k 0000000000000007 x", "", "runs", "a", "", error=ERROR.encode())


def _retie(bench: Bench) -> Act:
    bench.open("s")
    bench.put("a", "b", key="k")
    bench.ask("HDEL", bench.keys["heads"], "k")
    bench.store.cancel("q", ["a"])
    return _asks(bench, "retie", "b", "", "unknown", "")


def _reorder(bench: Bench) -> Act:
    bench.put("a", "b")
    bench.ask("LMOVE", *[bench.keys["pending"]] * 2, "RIGHT", "LEFT")
    return _asks(bench, "reorder", "b", "unknown")


def _recount(bench: Bench) -> Act:
    bench.start("a", "b")
    bench.ask("HSET", bench.keys["counters"], "running", "x", "enqueued", "", "seq", "1")
    return _asks(bench, "recount", newest=2)


def _persist(bench: Bench) -> Act:
    bench.start("a", "b")
    bench.ask("PEXPIRE", bench.keys["jobs"], 10**9)
    return _asks(bench, "persist")


REPEATABLE: Final[dict[str, Callable[[Bench], Act]]] = {
    "audit": _audit,
    "tally": _tally,
    "strays": _strays,
}
SAFE: Final[dict[str, Callable[[Bench], Act]]] = {
    "relocate": _relocate,
    "strip": _strip,
    "retie": _retie,
    "reorder": _reorder,
    "recount": _recount,
    "persist": _persist,
}
