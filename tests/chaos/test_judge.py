"""The judge of a chaos run sees what it is there to see, in journals that are made up."""

from __future__ import annotations

import itertools

import pytest

from exqueue.model.job import Header, JobRecord, Run, Terms
from exqueue.model.lifecycle import Place
from tests.chaos.faults import KINDS, SERVER, schedule
from tests.chaos.journal import Accepted, Note
from tests.chaos.judge import Deed, Findings, judge, out_of_time
from tests.chaos.plan import KEPT, Order, orders
from tests.chaos.rage import Blow

S = 10**9
NOTHING = Deed()


def order(name: str, lane: int = 1, worker: str = "Invoice", **options: object) -> Order:
    return Order(name, worker, lane, **options)  # type: ignore[arg-type]


def written(*lines: str) -> list[Note]:
    """A line: job, word, attempt, host; one a second, each host's in the process of that name."""
    found = []
    for at, line in enumerate(lines, 1):
        name, word, *rest = line.split()
        more, host = [*rest, *["1", "here"][len(rest) :]]
        found.append(Note(at * S, word, name, host, {"here": 1, "there": 2}[host], int(more)))
    return found


def judged(
    notes: list[Note], *known: Order, deed: Deed = NOTHING, blows: tuple[Blow, ...] = (), failed: tuple[JobRecord, ...] = ()
) -> dict[str, list[str]]:  # fmt: skip
    found = judge(notes, Accepted(list(known), {one.name: S for one in known}), deed, list(blows), 2.0, failed)
    return {name: lines for name, lines in (found.violations | allowed(found)).items() if lines}


def allowed(found: Findings) -> dict[str, list[str]]:
    return {"beside elsewhere": found.beside_elsewhere, "late": found.late}


def test_a_run_in_good_order_is_good_also_when_jobs_are_run_again_before_the_next_one() -> None:
    assert judged(written("a begin", "a begin 2", "a end 2", "a begin 3", "a end 3", "b begin", "b end"), order("a"), order("b")) == {}


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (("a begin", "a end"), {"lost": ["b"]}),
        (("a begin", "a end", "b begin"), {"lost": ["b"]}),
        (("b begin", "b end", "a begin", "a end"), {"out of order": ["b began before a had succeeded", "a began after b had begun"]}),
        (("a begin", "b begin", "a end", "b end"), {"out of order": ["b began before a had succeeded"]}),
        (("a begin", "a end", "b begin", "a begin 2", "a end 2", "b end"), {"out of order": ["a began after b had begun"]}),
        (("a begin", "a end", "b begin", "b end", "c begin", "c end"), {"ran, but never accepted": ["c"]}),
    ],
)
def test_what_is_lost_or_out_of_order_is_seen(lines: tuple[str, ...], wrong: dict[str, list[str]]) -> None:
    assert judged(written(*lines), order("a"), order("b")) == wrong


def test_nobody_waits_for_a_job_that_a_person_has_skipped_and_one_that_was_deleted_need_not_run() -> None:
    notes = written("a begin", "a fail", "b begin", "b end", "a begin 2", "a end 2", "d begin", "d end")
    deed = Deed({"a": 2 * S + 1, "c": 2 * S + 1}, frozenset({"c"}))
    assert judged(notes, order("a"), order("b"), order("c"), order("d"), deed=deed) == {}
    late = Deed({"a": 3 * S + 1, "c": 2 * S + 1}, frozenset({"c"}))
    assert judged(notes, order("a"), order("b"), order("c"), order("d"), deed=late) == {"out of order": ["b began before a had succeeded"]}


def test_two_at_once_on_one_host_are_wrong_whatever_was_frozen() -> None:
    blow = Blow("runner frozen", "here", 0, 100 * S)
    notes = [*written("a begin"), Note(4 * S, "beside", "a", "here", 5, 1), Note(5 * S, "end", "a", "here", 5, 1)]
    assert judged(notes, order("a"), blows=(blow,)) == {"two at once on one host": [f"a on here in 5 beside 1 on here at {4 * S}"]}


@pytest.mark.parametrize(("begin", "end", "is_allowed"), [(1, 9, True), (3, 9, False), (-9, -8, False)])
def test_two_at_once_on_two_hosts_are_allowed_only_after_a_lease_of_silence(begin: int, end: int, is_allowed: bool) -> None:
    blow = Blow("runner frozen", "there", begin * S, end * S)
    notes = [*written("a begin 1 there"), Note(4 * S, "beside", "a", "here", 1, 2), Note(5 * S, "end", "a", "here", 1, 1)]
    found = {"beside elsewhere" if is_allowed else "two at once on one host": [f"a on here in 1 beside 2 on there at {4 * S}"]}
    assert judged(notes, order("a"), blows=(blow,)) == found


def test_a_start_on_another_host_that_comes_late_is_told_and_breaks_no_order() -> None:
    notes = written("a begin 2", "a end 2", "b begin", "a begin 1 there", "b end")
    assert judged(notes, order("a"), order("b")) == {"late": ["a: start 1 on there came after start 2 on here"]}


def test_jobs_that_begin_before_they_are_due_or_before_the_one_they_follow_are_seen() -> None:
    known = order("a", 10**8, "Plain", delay=5.0), order("b", 10**8, "Plain", then=True)
    notes = written("a begin", "a end", "b/next begin", "b begin", "b end", "b/next end")
    assert judged(notes, *known) == {"too early": ["a began before it was due", "b/next began before b"]}


def test_a_poison_pill_must_be_in_failed_after_its_crashes_and_nothing_else_may_be() -> None:
    def failed(name: str, crashes: int) -> JobRecord:
        return JobRecord(name, "Poison", Place.FAILED, Header("w"), Run(crashes, 0, crashes), 0)

    known = [order(name, lane, "Poison") for lane, name in enumerate("abc", 10**8)]
    notes = written("a begin", "b begin", "c begin")
    wrong = ["b: crashes 2", "c: crashes None", "d failed, and is no poison"]
    assert judged(notes, *known, failed=(failed("a", 3), failed("b", 2), failed("d", 0))) == {"poison pills not in failed": wrong}


def test_the_order_is_seen_by_the_clock_of_the_server_too() -> None:
    def done(name: str, since: int, until: int) -> JobRecord:
        return JobRecord("id", "books", Place.DONE, Header("w", args=f"'{name}', 1"), Run(1, since=since), until + KEPT * 1000, (), Terms())

    known = [order("a"), order("b"), order("c", 2)]
    assert out_of_time([done("b", 30, 40), done("a", 10, 20), done("c", 15, 35)], known, Deed()) == []
    assert out_of_time([done("a", 10, 20), done("b", 19, 40)], known, Deed()) == ["by the server's clock b was started before a was done"]


def test_a_seed_decides_jobs_and_faults() -> None:
    first, again, other = (list(itertools.islice(orders(seed, 0, 2), 500)) for seed in (1, 1, 2))
    assert first == again != other
    assert schedule(1, 60, 100, 2.5) == schedule(1, 60, 100, 2.5) != schedule(2, 60, 100, 2.5)


def test_every_kind_of_fault_comes_once_before_any_comes_twice_and_those_of_the_server_one_after_the_other() -> None:
    faults = schedule(7, 30, len(KINDS), 2.5)
    assert sorted(fault.kind for fault in faults) == sorted(KINDS)
    server = [fault for fault in schedule(7, 60, 500, 2.5) if fault.kind in SERVER]
    assert all(later.at > before.at + before.seconds for before, later in itertools.pairwise(server))
