"""Every step of a job's life, each with a queue in which it has something to do."""

from __future__ import annotations

from collections.abc import Callable

from exqueue.model.chain import NewJob
from exqueue.model.job import Progress
from exqueue.model.policy import Fail, Recover
from tests.store.kit import BODY, CRASH, DISCARD, FAIL, HEADER, RELEASE, RETRY, SNOOZE, UNSPENT, Bench

Act = Callable[[], object]


def _enqueue(bench: Bench) -> Act:
    bench.put("a")
    return lambda: bench.put("b", "c")


def _enqueue_later(bench: Bench) -> Act:
    bench.put("a")
    return lambda: bench.put("b", delay_ms=60_000)


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


def _claim(bench: Bench) -> Act:
    bench.put("a", "b")
    bench.open("s")
    return lambda: bench.store.claim("q", "s", "s/x")


def _claim_held(bench: Bench) -> Act:
    bench.put("a", "b")
    bench.open("s")
    bench.move("s")
    return lambda: bench.store.claim("q", "s", "s/x")


def _claim_of_two_held(bench: Bench) -> Act:
    bench.put("a", "b")
    bench.open("s")
    bench.move("s")
    bench.move("s")
    return lambda: bench.store.claim("q", "s", "s/x")


def _claim_foreign(bench: Bench) -> Act:
    bench.open("s")
    bench.put("b")
    bench.ask("LPUSH", bench.keys["pending"], "foreign")
    return lambda: bench.store.claim("q", "s", "s/x")


def _complete(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.complete(claim)


def _complete_and_claim(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.complete(claim, "s/next")


def _complete_the_last(bench: Bench) -> Act:
    claim = bench.start("a")
    return lambda: bench.complete(claim, "s/next")


def _retry(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.apply(claim, RETRY)


def _snooze(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.apply(claim, SNOOZE)


def _fail(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.apply(claim, FAIL)


def _fail_unspent(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.apply(claim, UNSPENT)


def _release(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.apply(claim, RELEASE)


def _stop(bench: Bench) -> Act:
    bench.start("a", "b", "c")
    bench.open("t")
    bench.take("t")
    return lambda: bench.store.stop("q", ["b", "c", "a"])


def _recover(bench: Bench) -> Act:
    claim = bench.start("a", "b", "c")
    bench.move("s")
    return lambda: bench.recover("s", claim, Recover(CRASH))


def _recover_to_failed(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.recover("s", claim, Fail(CRASH))


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


def _finish(bench: Bench) -> Act:
    bench.put("a", key="k", unique="u")
    bench.put("b", key="k")
    bench.open("s")
    claim = bench.take()
    return lambda: bench.complete(claim)


def _finish_and_claim(bench: Bench) -> Act:
    bench.put("a", "b", key="k", chained=True)
    bench.open("s")
    claim = bench.take()
    return lambda: bench.complete(claim, "s/next")


def _finish_and_keep(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.complete(claim, "s/next", keep_ms=60_000, result=b"r")


def _fail_keyed(bench: Bench) -> Act:
    bench.put("a", "b", key="k")
    bench.open("s")
    claim = bench.take()
    return lambda: bench.apply(claim, FAIL)


def _discard(bench: Bench) -> Act:
    bench.put("a", key="k", unique="u")
    bench.put("b", key="k")
    bench.open("s")
    claim = bench.take()
    return lambda: bench.apply(claim, DISCARD)


def _enqueue_keyed(bench: Bench) -> Act:
    bench.put("a", key="k")
    return lambda: bench.put("b", "c", key="k", priority=3)


def _promote_keyed(bench: Bench) -> Act:
    bench.put("a", key="k")
    bench.put("b", "c", key="k", delay_ms=60_000)
    bench.make_due("c", "b")
    return lambda: bench.store.promote("q")


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


def _purge(bench: Bench) -> Act:
    bench.keep("a", "b", key="k")
    bench.ask("ZADD", bench.keys["done"], 1, "a")
    return lambda: bench.store.purge("q")


def _deliver(bench: Bench) -> Act:
    bench.put("a")
    bench.ask("HSET", bench.keys["outbox"], "z", "[]")
    return lambda: bench.store.deliver("q", "z")


def _pause(bench: Bench) -> Act:
    bench.put("a")
    return lambda: bench.store.pause("q")


def _resume(bench: Bench) -> Act:
    bench.put("a")
    bench.open("s", "t")
    bench.store.pause("q")
    return lambda: bench.store.resume("q")


def _report(bench: Bench) -> Act:
    claim = bench.start("a")
    return lambda: bench.store.report(claim, Progress(0.5, "half", 1))


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


REPEATABLE: dict[str, Callable[[Bench], Act]] = {
    "claim": _claim,
    "claim held": _claim_held,
    "claim of two held": _claim_of_two_held,
    "claim foreign": _claim_foreign,
    "complete": _complete,
    "complete and claim": _complete_and_claim,
    "complete the last": _complete_the_last,
    "retry": _retry,
    "snooze": _snooze,
    "fail": _fail,
    "fail unspent": _fail_unspent,
    "release": _release,
    "finish": _finish,
    "finish and claim": _finish_and_claim,
    "finish and keep": _finish_and_keep,
    "fail keyed": _fail_keyed,
    "discard": _discard,
    "deliver": _deliver,
    "report": _report,
    "stop": _stop,
    "register": _register,
    "bury": _bury,
    "depart": _depart,
    "schedule": _schedule,
    "unschedule": _unschedule,
}
# Asked again these leave the same, but answer that there was nothing (more) to do; recover says how it found the slot.
SAFE: dict[str, Callable[[Bench], Act]] = {
    "enqueue": _enqueue,
    "enqueue later": _enqueue_later,
    "fire": _fire,
    "fire known": _fire_known,
    "promote": _promote,
    "recover": _recover,
    "recover to failed": _recover_to_failed,
    "requeue": _requeue,
    "delete": _delete,
    "cancel": _cancel,
    "enqueue keyed": _enqueue_keyed,
    "promote keyed": _promote_keyed,
    "requeue keyed": _requeue_keyed,
    "skip": _skip,
    "delete done": _delete_done,
    "cancel keyed": _cancel_keyed,
    "purge": _purge,
    "pause": _pause,
    "resume": _resume,
}
STEPS = {**REPEATABLE, **SAFE, "beat": _beat}
