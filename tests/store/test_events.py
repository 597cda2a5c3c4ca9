"""The stream of events: each step tells what it has done, once, and the stream does not grow for ever."""

from __future__ import annotations

import pytest

from exqueue.app import Exqueue
from exqueue.model.policy import Fail, Recover
from exqueue.store.events import EventReader
from tests.conftest import on_servers_and_cluster as on_servers
from tests.store.kit import CRASH, FAIL, RETRY, SNOOZE, Bench
from tests.store.steps import STEPS

TOLD: dict[str, list[str]] = {
    "push": ["enqueued b", "enqueued c"],
    "enqueue": ["enqueued b", "enqueued c"],
    "enqueue later": ["enqueued b"],
    "enqueue keyed": ["enqueued b", "enqueued c"],
    "fire": ["enqueued b"],
    "promote": ["promoted a", "promoted c"],
    "promote keyed": ["promoted c", "promoted b"],
    "claim": ["claimed a"],
    "claim held": ["claimed a"],
    "claim of two held": ["claimed a"],
    "claim foreign": ["claimed foreign"],
    "claim rung": ["claimed low"],
    "complete": ["completed a"],
    "complete and claim": ["completed a", "claimed b"],
    "complete the last": ["completed a"],
    "complete rated": ["completed a", "claimed b"],
    "batch": ["claimed a", "claimed b"],
    "batch held": ["claimed a", "claimed b"],
    "batch settled": ["completed a", "completed b"],
    "batch settled and claimed": ["completed a", "completed b", "claimed c", "claimed d"],
    "finish": ["completed a"],
    "finish and claim": ["completed a", "claimed b"],
    "finish and keep": ["completed a", "claimed b"],
    "retry": ["retried a"],
    "snooze": ["snoozed a"],
    "fail": ["failed a"],
    "fail unspent": ["failed a"],
    "fail keyed": ["failed a", "blocked a"],
    "release": ["released a"],
    "discard": ["discarded a"],
    "recover": ["recovered a"],
    "recover to failed": ["failed a"],
    "requeue": ["requeued c", "requeued a"],
    "requeue keyed": ["requeued b", "requeued a"],
    "skip": ["skipped a"],
    "delete": ["deleted c", "deleted a"],
    "delete done": ["deleted a"],
    "cancel": ["cancelled c", "cancelled a"],
    "cancel keyed": ["cancelled b", "cancelled a"],
    "relocate": ["failed lost", "blocked lost", "repaired lost", "repaired twice"],
    "strip": ["repaired", "failed x", "repaired x"],
    "retie": ["repaired b"],
    "reorder": ["repaired b"],
    "recount": ["repaired", "repaired", "repaired"],
    "pause": ["paused"],
    "resume": ["resumed"],
}


@pytest.mark.parametrize("step", STEPS)
def test_each_step_tells_what_it_has_done_and_asked_again_nothing_more(bench: Bench, step: str) -> None:
    act = STEPS[step](bench)
    before = len(bench.happened())
    act()
    act()
    assert bench.happened()[before:] == TOLD.get(step, [])


@on_servers
def test_an_event_says_what_there_is_to_say(bench: Bench) -> None:
    news = EventReader(bench.channel, bench.app.settings.namespace)
    bench.put("a", "b", "c", "d", key="k")
    bench.open("s", "t")
    bench.apply(bench.take(), RETRY)
    bench.make_due("a")
    bench.store.promote("q")
    bench.apply(bench.take(), SNOOZE)
    bench.make_due("a")
    bench.store.promote("q")
    bench.apply(bench.take(), FAIL)
    bench.store.skip("q", ["a"])
    bench.recover("t", bench.take("t"), Fail(CRASH))
    assert [f"{event.name} {event.job} {event.more}".strip() for event in news.read(0)] == [
        "enqueued a", "enqueued b", "enqueued c", "enqueued d", "claimed a s", "retried a 60000", "promoted a", "claimed a s",
        "snoozed a 60000", "promoted a", "claimed a s", "failed a", "blocked a k", "skipped a k", "claimed b t", "failed b", "blocked b k",
    ]  # fmt: skip


@on_servers
def test_what_was_not_done_is_not_told(bench: Bench) -> None:
    stale = bench.start("a", "b")
    bench.apply(stale, RETRY)
    bench.take()
    before = bench.happened()
    bench.put("a", "b")
    for step in (bench.store.requeue, bench.store.delete, bench.store.skip, bench.store.cancel):
        step("q", ["b", "unknown"])
    bench.apply(stale, FAIL)
    bench.complete(stale, "s/2")
    bench.recover("s", stale, Recover(CRASH))
    bench.claim("unknown")
    bench.store.resume("q")
    bench.store.promote("q")
    assert bench.happened() == before


@pytest.mark.parametrize("channel", ["embedded", "redis"], indirect=True)
def test_only_the_newest_events_are_kept(app: Exqueue) -> None:
    bench = Bench(app)
    bench.channel.ask([("XADD", bench.keys["events"], "*", "event", "old", "job", str(n), "more", "") for n in range(12_000)])
    bench.put("a", "b")
    assert (9_000 < bench.ask("XLEN", bench.keys["events"]) < 10_500, bench.happened()[-2:]) == (True, ["enqueued a", "enqueued b"])
