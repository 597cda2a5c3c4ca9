"""The steps of persons, each with a queue in which it has something to do. See steps.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.store.kit import BODY, FAIL, Bench

Act = Callable[[], object]


def _stop(bench: Bench) -> Act:
    bench.start("a", "b", "c")
    bench.open("t")
    bench.take("t")
    return lambda: bench.store.stop("q", ["b", "c", "a"])


def _requeue(bench: Bench) -> Act:
    bench.fail("a", "b", "c")
    return lambda: bench.store.requeue("q", ["c", "a"])


def _delete(bench: Bench) -> Act:
    bench.fail("a", "b", "c")
    return lambda: bench.store.delete("q", ["c", "a"])


def _cancel(bench: Bench) -> Act:
    bench.put("a", "b")
    bench.put("c", delay_ms=60_000)
    return lambda: bench.store.cancel("q", ["c", "a"])


def _requeue_keyed(bench: Bench) -> Act:
    bench.put("a", "b", "c", key="k", blocks=False)
    bench.open("failing")
    for _ in range(2):
        bench.apply(bench.take("failing"), FAIL, "failing")
    return lambda: bench.store.requeue("q", ["b", "a"])


def _skip(bench: Bench) -> Act:
    bench.fail("a", key="k")
    bench.put("b", key="k")
    return lambda: bench.store.skip("q", ["x", "a"])


def _delete_done(bench: Bench) -> Act:
    bench.keep("a", "b", key="k")
    return lambda: bench.store.delete("q", ["a"])


def _cancel_keyed(bench: Bench) -> Act:
    bench.put("a", "b", "c", key="k")
    return lambda: bench.store.cancel("q", ["b", "a"])


def _pause(bench: Bench) -> Act:
    bench.put("a")
    return lambda: bench.store.pause("q")


def _resume(bench: Bench) -> Act:
    bench.put("a")
    bench.open("s", "t")
    bench.store.pause("q")
    return lambda: bench.store.resume("q")


def _resign(bench: Bench) -> Act:
    bench.put("a", "b", "c")
    return lambda: bench.store.resign("q", "bodies", [("a", BODY, b"new a"), ("x", BODY, b"x"), ("c", BODY, b"new c"), ("b", b"", b"b")])


REPEATABLE: Final[dict[str, Callable[[Bench], Act]]] = {
    "stop": _stop,
    "resign": _resign,
}
SAFE: Final[dict[str, Callable[[Bench], Act]]] = {
    "requeue": _requeue,
    "delete": _delete,
    "cancel": _cancel,
    "requeue keyed": _requeue_keyed,
    "skip": _skip,
    "delete done": _delete_done,
    "cancel keyed": _cancel_keyed,
    "pause": _pause,
    "resume": _resume,
}
