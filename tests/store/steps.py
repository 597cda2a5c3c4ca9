"""Every step of a job's life, each with a queue in which it has something to do: here those of clients and worker processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exqueue.model.job import Progress
from tests.store import care_steps, fsck_steps, person_steps
from tests.store.kit import DISCARD, FAIL, RELEASE, RETRY, SNOOZE, UNSPENT, Bench

Act = Callable[[], object]


def _push(bench: Bench) -> Act:
    bench.put("a")
    return lambda: bench.put("b", "c")


def _enqueue(bench: Bench) -> Act:
    bench.put("a")
    return lambda: bench.put("b", "c", priority=3)


def _enqueue_later(bench: Bench) -> Act:
    bench.put("a")
    return lambda: bench.put("b", delay_ms=60_000)


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


def _claim_rung(bench: Bench) -> Act:
    bench.put("low", "lower", priority=-1)
    bench.open("s")
    bench.move("s")
    return lambda: bench.store.claim("q", "s", "s/x")


def _claim_paused(bench: Bench) -> Act:
    bench.put("a", "b")
    bench.open("s")
    bench.store.pause("q")
    bench.move("s")
    return lambda: bench.store.claim("q", "s", "s/x")


def _claim_limited(bench: Bench) -> Act:
    bench.put("a", "b")
    bench.open("s", "t")
    bench.take("t")
    bench.move("s")
    return lambda: bench.store.claim("q", "s", "s/x", "1 0 0")


def _claim_rated(bench: Bench) -> Act:
    bench.put("a", "b")
    bench.open("s", "t")
    bench.claim("t", "0 1 60000")
    bench.move("s")
    return lambda: bench.store.claim("q", "s", "s/x", "0 1 60000")


def _complete_rated(bench: Bench) -> Act:
    claim = bench.start("a", "b", "c")
    return lambda: bench.store.complete(claim, "s", "s/next", "2 1 60000")


def _complete(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.complete(claim)


def _complete_and_claim(bench: Bench) -> Act:
    claim = bench.start("a", "b")
    return lambda: bench.complete(claim, "s/next")


def _complete_the_last(bench: Bench) -> Act:
    claim = bench.start("a")
    return lambda: bench.complete(claim, "s/next")


def _batch(bench: Bench) -> Act:
    bench.put("a", "b", "c")
    bench.open("s")
    return lambda: bench.store.batch("q", "s", (), 1, 2)


def _batch_held(bench: Bench) -> Act:
    bench.put("a", "b", "c")
    bench.open("s")
    bench.move("s")
    return lambda: bench.store.batch("q", "s", (), 1, 2)


def _batch_settled(bench: Bench) -> Act:
    claims = bench.start_batch("a", "b", "c", "d")
    return lambda: bench.store.batch("q", "s", claims[:2])


def _batch_settled_and_claimed(bench: Bench) -> Act:
    claims = bench.start_batch("a", "b")
    bench.put("c", "d", "e")
    return lambda: bench.store.batch("q", "s", claims, 3, 2)


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


def _report(bench: Bench) -> Act:
    claim = bench.start("a")
    return lambda: bench.store.report(claim, Progress(0.5, "half", 1))


REPEATABLE: Final[dict[str, Callable[[Bench], Act]]] = {
    "claim": _claim,
    "claim held": _claim_held,
    "claim of two held": _claim_of_two_held,
    "claim foreign": _claim_foreign,
    "claim rung": _claim_rung,
    "claim paused": _claim_paused,
    "claim limited": _claim_limited,
    "complete": _complete,
    "complete rated": _complete_rated,
    "complete and claim": _complete_and_claim,
    "complete the last": _complete_the_last,
    "batch": _batch,
    "batch held": _batch_held,
    "batch settled": _batch_settled,
    "batch settled and claimed": _batch_settled_and_claimed,
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
    "report": _report,
    **care_steps.REPEATABLE,
    **person_steps.REPEATABLE,
    **fsck_steps.REPEATABLE,
}
# Asked again these leave the same, but answer that there was nothing (more) to do, or less time to wait; recover says how
# it found the slot.
SAFE: Final[dict[str, Callable[[Bench], Act]]] = {
    "claim rated": _claim_rated,
    "push": _push,
    "enqueue": _enqueue,
    "enqueue later": _enqueue_later,
    "enqueue keyed": _enqueue_keyed,
    **care_steps.SAFE,
    **person_steps.SAFE,
    **fsck_steps.SAFE,
}
STEPS: Final = {**REPEATABLE, **SAFE, **care_steps.NEITHER}
