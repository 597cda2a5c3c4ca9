"""Each rule finds what it is there to find, whatever was broken; what is repaired is whole again, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreError
from exqueue.model.job import Claim
from exqueue.store.audit import Auditor
from exqueue.store.fsck import check
from exqueue.store.invariants import broken
from exqueue.store.repair import Repair
from tests.conftest import on_servers
from tests.store.damage import IDS, Harm, healthy, ways
from tests.store.kit import Bench

# What nobody can know: whether a text is the one that was written, or a number larger than it was.
OPAQUE: Final = ("bodies is", "errors is", "results is", "progress is", "chains is b'[]'", "out of runs", "out of errors", "out of results")
UNKNOWABLE: Final = {
    "crashed is 77", "crashed is 0", "seq is 77", "completed is 0", "deleted is 0", "no slot old", "stuck blocked",
    "late also in delayed", "retried also in delayed", "failed also in failed", "stuck also in failed", "lazy also in failed",
    "kept also in done", "held out of progress", "held with the token s/99", "lazy out of terms",
    *(f"no {name}" for name in ("errors", "outbox", "results", "progress", "graves", "settled", "beats")),
}  # fmt: skip
WAYS: Final = [(name, harm) for name, harm in ways(whole=True) if name not in UNKNOWABLE and not any(part in name for part in OPAQUE)]
GROUPS: Final = 12


@pytest.fixture
def app(unchecked_app: Exqueue) -> Exqueue:
    return unchecked_app


def found(bench: Bench) -> set[tuple[str, str]]:
    """The names of the rules that do not hold, and where."""
    return {(finding.invariant, finding.key) for finding in check(bench.store)}


def forget_place(bench: Bench) -> None:
    bench.ask("LREM", bench.keys["pending"], 0, "b")


COUNTED: Final = {("counters", "enqueued"), ("running", "running")}
DAMAGE: dict[str, tuple[Callable[[Bench], object], set[tuple[str, str]]]] = {
    "nothing": (lambda b: None, set()),
    "lost": (forget_place, {("nowhere", "b"), ("counters", "enqueued")}),
    "doubled": (lambda b: b.ask("RPUSH", b.keys["pending"], "d"), {("twice", "d"), ("counters", "enqueued")}),
    "two places": (lambda b: b.ask("ZADD", b.keys["failed"], 1, "b"), {("twice", "b"), ("counters", "enqueued")}),
    "foreign": (lambda b: b.ask("LPUSH", b.keys["pending"], "x"), {("ghost", "x"), ("counters", "enqueued")}),
    "no body": (lambda b: b.ask("HDEL", b.keys["bodies"], "b"), {("body", "b")}),
    "body left": (lambda b: b.ask("HSET", b.keys["bodies"], "x", "y"), {("ghost", "x")}),
    "error left": (lambda b: b.ask("HSET", b.keys["errors"], "x", "{}"), {("leftover", "x")}),
    "token of nobody": (lambda b: b.ask("HSET", b.keys["runs"], "b", "1 0 0 1 t/1"), {("token", "b")}),
    "token of another": (lambda b: b.ask("HSET", b.keys["runs"], "a", "1 0 0 1 t/1"), {("token", "a"), ("running", "running")}),
    "order": (lambda b: b.ask("LMOVE", *[b.keys["pending"]] * 2, "LEFT", "RIGHT"), {("order", "b")}),
    "miscounted": (lambda b: b.ask("HINCRBY", b.keys["counters"], "completed", 1), {("counters", "enqueued")}),
    "no number": (lambda b: b.ask("HSET", b.keys["counters"], "completed", "x"), {("counters", "completed")}),
    "held by nobody": (lambda b: b.ask("HDEL", b.keys["slots"], "s"), {("slot", "s")}),
    "list gone": (lambda b: b.ask("DEL", b.keys.processing("s")), {("nowhere", "a"), ("token", "a"), *COUNTED}),
    "not listed": (lambda b: b.ask("SREM", "ns:queues", "q"), {("registry", "q")}),
    "wrong type": (lambda b: b.ask("SET", b.keys["failed"], "x"), {("type", "ns:{q}:failed")}),
    "would expire": (lambda b: b.ask("EXPIRE", b.keys["jobs"], 1000), {("expires", "ns:{q}:jobs")}),
    "unknown key": (lambda b: b.ask("SET", "ns:{q}:nose", 1), {("unknown", "ns:{q}:nose")}),
    "unknown list": (lambda b: b.ask("RPUSH", b.keys.processing("x"), "b"), {("slot", "x"), ("twice", "b"), ("counters", "enqueued")}),
    "header": (lambda b: b.ask("HSET", b.keys["jobs"], "d", '{"seq":4'), {("header", "d"), ("order", "d")}),
    "slot": (lambda b: b.ask("HSET", b.keys["slots"], "abc.1", "garbage"), {("owner", "abc.1")}),
    "bell behind": (lambda b: b.ask("RPUSH", b.keys["pending"], "!"), {("bell", "pending")}),
    "seq": (lambda b: b.ask("HSET", b.keys["counters"], "seq", 2), {("seq", "seq")}),
}  # fmt: skip


@on_servers
@pytest.mark.parametrize(("damage", "expected"), DAMAGE.values(), ids=DAMAGE)
def test_what_is_wrong_is_said(bench: Bench, damage: Callable[[Bench], object], expected: set[tuple[str, str]]) -> None:
    bench.start("a", "b", "c", "d")
    damage(bench)
    assert found(bench) == expected


def test_it_is_said_in_one_line_each(bench: Bench) -> None:
    bench.start("a", "b", "c")
    forget_place(bench)
    assert broken(bench.channel, "ns") == [
        "q: b is in no place", "q: the counters do not add up: 3 enqueued, 2 there, 0 completed, 0 deleted",
    ]  # fmt: skip


@on_servers
def test_a_queue_with_something_in_every_place_is_whole(bench: Bench) -> None:
    healthy(bench)
    before = bench.snapshot()
    assert (found(bench), list(Repair(bench.store).run()), bench.snapshot()) == (set(), [], before)


@pytest.mark.parametrize("channel", ["redis"], indirect=True)
@pytest.mark.parametrize("group", range(GROUPS))
def test_whatever_is_broken_is_found_and_what_is_repaired_is_whole_and_complete(app: Exqueue, group: int) -> None:
    bench = Bench(app)
    healthy(bench)
    saved = saved_keys(bench)
    assert [line for name, harm in WAYS[group::GROUPS] for line in trouble(bench, saved, name, harm)] == []


@pytest.mark.parametrize("part", range(8))
def test_the_stand_in_for_a_server_repairs_the_same(app: Exqueue, part: int) -> None:
    bench = Bench(app)
    healthy(bench)
    assert list(trouble(bench, None, *WAYS[part * 101 % len(WAYS)])) == []


def test_where_slots_change_too_fast_to_be_listed_it_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.open("s")
    monkeypatch.setattr(Auditor, "look_again", lambda auditor: auditor.slots)
    with pytest.raises(StoreError, match=r"^the slots of queue 'q' change too fast to be looked at; try again$"):
        list(check(bench.store))


Saved = list[tuple[bytes, bytes]]


def saved_keys(bench: Bench) -> Saved:
    """All keys of the namespace as they are."""
    names = bench.ask("KEYS", "ns:*")
    return list(zip(names, bench.channel.ask([("DUMP", name) for name in names]), strict=True))


def trouble(bench: Bench, saved: Saved | None, name: str, harm: Harm) -> Iterator[str]:
    """What fsck and its repair do not see or do not heal of one kind of damage. `saved`: the healthy queue."""
    if saved is not None:
        bench.channel.ask([("DEL", *bench.ask("KEYS", "ns:*")), *(("RESTORE", key, 0, value) for key, value in saved)])
    before = bench.snapshot(), bench.ask("SMEMBERS", "ns:queues"), bench.ask("PTTL", bench.keys["failed"])
    harm(bench)
    if (bench.snapshot(), bench.ask("SMEMBERS", "ns:queues"), bench.ask("PTTL", bench.keys["failed"])) == before:
        return
    was = list(check(bench.store))
    if not was:
        yield f"{name}: not found"
    list(Repair(bench.store).run())
    left = list(check(bench.store))
    yield from (f"{name}: is left: {finding}" for finding in left if finding.repairable)
    again = bench.snapshot()
    if list(Repair(bench.store).run()) or bench.snapshot() != again:
        yield f"{name}: repaired twice"
    if not any(finding.invariant == "type" for finding in was) and name != "no jobs":
        yield from (f"{name}: {job_id} is missing" for job_id in set(IDS) - jobs(bench))
    yield from _drained(bench, name, whole=not left)


def _drained(bench: Bench, name: str, *, whole: bool) -> Iterator[str]:
    """A process that works off all it is given; what is left is at rest, and as it must be."""
    if not whole:
        return
    for slot in [*(slot.slot for slot in bench.reader.slots("q")), *bench.reader.graves("q")]:
        bench.recover(slot, next((claim for claim in [_held(bench, slot)] if claim), None))
    bench.make_due(*(text.decode("utf-8", "surrogateescape") for text in bench.ask("ZRANGE", bench.keys["delayed"], 0, -1)))
    bench.store.promote("q")
    bench.open("last")
    while isinstance(claim := bench.claim("last"), Claim):
        bench.complete(claim, slot="last")
    counts = bench.reader.counts("q")
    if counts.unfinished or list(check(bench.store)):
        yield f"{name}: cannot be drained: {counts} {list(check(bench.store))}"


def _held(bench: Bench, slot: str) -> Claim | None:
    claim = bench.claim(slot) if bench.reader.held("q", [slot]) and slot != "old" else None
    return claim if isinstance(claim, Claim) else None


def jobs(bench: Bench) -> set[str]:
    """The ids of all jobs there are."""
    return {job_id.decode("utf-8", "replace") for job_id in bench.ask("HKEYS", bench.keys["jobs"])}
