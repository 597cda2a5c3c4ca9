"""Repairs beside lists of slots that nobody knows: what they hold is counted and looked at by every step, not only by recovery."""

from __future__ import annotations

import pytest

from exqueue.app import Exqueue
from exqueue.store.audit import Auditor
from exqueue.store.fsck import check
from exqueue.store.repair import Repair
from tests.conftest import on_servers
from tests.store.kit import ERROR, Bench


@pytest.fixture
def app(unchecked_app: Exqueue) -> Exqueue:
    return unchecked_app


@pytest.fixture
def bench(app: Exqueue) -> Bench:
    """Slot `s` runs `a`, slot `t` holds `b`, `c` is next; nobody knows of any slot."""
    bench = Bench(app)
    bench.start("a", "b", "c")
    bench.move("t")
    bench.ask("DEL", bench.keys["slots"])
    return bench


def counters(bench: Bench) -> tuple[int, ...]:
    return tuple(int(bench.fields("counters").get(name, 0)) for name in ("enqueued", "completed", "deleted", "running", "crashed"))


def repaired(bench: Bench) -> list[str]:
    """What stays when all is done that can be."""
    list(Repair(bench.store).run())
    return [finding.line for finding in check(bench.store)]


@on_servers
def test_what_they_hold_is_counted(bench: Bench) -> None:
    bench.ask("HSET", bench.keys["counters"], "completed", 1, "running", 7)
    during = []
    left = [*Repair(bench.store, wait=lambda: during.append(counters(bench))).run()] and [*check(bench.store)]
    assert (left, during, bench.pending, counters(bench)) == ([], [(4, 1, 0, 1, 0)], ["a", "b", "c"], (4, 1, 0, 0, 1))


@on_servers
def test_what_they_hold_under_the_token_of_a_closed_slot_is_in_one_place(bench: Bench) -> None:
    bench.open("old")
    bench.recover("old")
    bench.ask("LMOVE", bench.keys["pending"], bench.keys.processing("s"), "LEFT", "RIGHT")
    bench.ask("HSET", bench.keys["runs"], "c", "1 0 0 1 old/9")
    during = []
    repair = Repair(bench.store, wait=lambda: during.append([finding.invariant for finding in check(bench.store)]))
    assert ([*repair.run()] and [*check(bench.store)], during, bench.pending, counters(bench)) == (
        [], [["slot"]], ["a", "b", "c"], (3, 0, 0, 0, 1),
    )  # fmt: skip


@on_servers
def test_a_job_under_the_token_of_a_slot_without_a_list_waits_for_a_person(bench: Bench) -> None:
    bench.ask("HSET", bench.keys["runs"], "c", b"1 0 0 1 \xff/9")
    bench.ask("DEL", bench.keys["pending"])
    assert (repaired(bench), bench.pending, bench.counts()["failed"]) == ([], ["a", "b"], 1)


@on_servers
def test_without_the_list_that_its_token_names_a_job_stays_where_it_is(bench: Bench) -> None:
    bench.ask("HSET", bench.keys["runs"], "c", "1 0 0 1 t/9")
    before = bench.snapshot()
    answer = Auditor(bench.store, "q").settled("relocate", ("c",), error=ERROR.encode(), long_gone="1")
    assert (answer, bench.snapshot()) == ([b""], before)


@on_servers
@pytest.mark.parametrize(("step", "argv"), [("recount", {"newest": 0}), ("retie", {}), ("tally", {})])
def test_without_the_lists_of_all_that_have_settled_something_no_step_acts(bench: Bench, step: str, argv: dict[str, int]) -> None:
    bench.ask("HSET", bench.keys["settled"], "s", "s/0", "by hand", "x")
    slots, auditor, asked = Auditor(bench.store, "q").slots, Auditor(bench.store, "q"), []
    auditor.look_again()
    auditor.slots = slots
    again = auditor.look_again
    auditor.look_again = lambda: asked.append(step) or again()  # type: ignore[method-assign, func-returns-value]
    auditor.settled(step, **argv)
    assert (asked, auditor.slots.all) == ([step], ["s"])
