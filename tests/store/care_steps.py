"""The steps of runners, each with a queue in which it has something to do. See steps.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exqueue.model.chain import NewJob
from exqueue.model.policy import Fail, Recover
from tests.store.kit import BODY, CRASH, HEADER, Bench

Act = Callable[[], object]


def _fire(bench: Bench) -> Act:
    bench.put("a")
    bench.store.schedule("q", "app:Add", 5, "UTC * * * * *")
    return lambda: bench.store.fire("q", "app:Add", 60_000, "UTC * * * * *", NewJob("b", HEADER, BODY))


def _fire_known(bench: Bench) -> Act:
    bench.put("b")
    return lambda: bench.store.fire("q", "app:Add", 60_000, "UTC * * * * *", NewJob("b", HEADER, BODY))


def _schedule(bench: Bench) -> Act:
    bench.store.schedule("q", "app:Add", 5, "UTC 0 7 * * *")
    return lambda: bench.store.schedule("q", "app:Add", 60_000, "UTC * * * * *")


def _unschedule(bench: Bench) -> Act:
    bench.put("a")
    bench.store.schedule("q", "app:Add", 5, "UTC * * * * *")
    return lambda: bench.store.unschedule("q", "app:Add")


def _promote(bench: Bench) -> Act:
    bench.put("c", "a", delay_ms=60_000)
    bench.put("b")
    bench.make_due("a", "c")
    return lambda: bench.store.promote("q")


def _recover(bench: Bench) -> Act:
    claim = bench.start("a", "b", "c")
    bench.move("s")
    return lambda: bench.recover("s", claim, Recover(CRASH))


def _recover_to_failed(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.recover("s", claim, Fail(CRASH))


def _promote_keyed(bench: Bench) -> Act:
    bench.put("a", key="k")
    bench.put("b", "c", key="k", delay_ms=60_000)
    bench.make_due("c", "b")
    return lambda: bench.store.promote("q")


def _purge(bench: Bench) -> Act:
    bench.keep("a", "b", key="k")
    bench.ask("ZADD", bench.keys["done"], 1, "a")
    return lambda: bench.store.purge("q")


def _deliver(bench: Bench) -> Act:
    bench.put("a")
    bench.ask("HSET", bench.keys["outbox"], "z", "[]")
    return lambda: bench.store.deliver("q", "z")


def _register(bench: Bench) -> Act:
    bench.put("a")
    return lambda: bench.store.register("q", "s", "{}", "r")


def _beat(bench: Bench) -> Act:
    bench.put("a")
    bench.open("s")
    return lambda: bench.store.beat("q", "r", {"s": "{}", "vanished": "{}"})


def _bury(bench: Bench) -> Act:
    bench.put("a")
    bench.open("s")
    bench.recover("s")
    return lambda: bench.store.bury("q", "s", 0)


def _depart(bench: Bench) -> Act:
    bench.put("a")
    bench.open("s")
    return lambda: bench.store.depart("q", "r", "0")


REPEATABLE: Final[dict[str, Callable[[Bench], Act]]] = {
    "deliver": _deliver,
    "register": _register,
    "bury": _bury,
    "depart": _depart,
    "schedule": _schedule,
    "unschedule": _unschedule,
}
SAFE: Final[dict[str, Callable[[Bench], Act]]] = {
    "fire": _fire,
    "fire known": _fire_known,
    "promote": _promote,
    "recover": _recover,
    "recover to failed": _recover_to_failed,
    "promote keyed": _promote_keyed,
    "purge": _purge,
}
NEITHER: Final[dict[str, Callable[[Bench], Act]]] = {"beat": _beat}
