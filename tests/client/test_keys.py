"""Signatures are counted, and renewed wherever there are any; nothing is unpickled on the way."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.client.keys import ALTERED, DAMAGED, SIGNS, UNKNOWN, UNSIGNED, VERIFIES, Resigned, Resigner, Signature, Tally, tally
from exqueue.model.job import Claim
from exqueue.model.settings import Settings
from exqueue.model.signing import NO_KEYS, Keys
from exqueue.store.channel import Channel
from exqueue.store.invariants import broken
from tests.client.workers import Add, Send
from tests.conftest import on_servers

OLD, NEW = Keys.parse("the old key of this test"), Keys.parse("the new key of this test")
BOTH = Keys.revealed([*NEW.reveal(), *OLD.reveal()])


class Yard:
    """One namespace, seen by apps with different keys."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.namespace = channel, f"t{uuid.uuid4().hex[:12]}"
        self.old, self.new, self.both, self.none = (self.app(keys) for keys in (OLD, NEW, BOTH, NO_KEYS))

    def app(self, keys: Keys) -> Exqueue:
        return Exqueue(settings=Settings(namespace=self.namespace, signing_keys=keys), channel=self.channel)

    def tally(self, app: Exqueue) -> tuple[dict[Signature, int], dict[Signature, int], dict[Signature, int], int]:
        found: Tally = tally(app.reader, app.envelope())
        return {**found.jobs}, {**found.following}, {**found.results}, found.not_run(app.envelope())

    def resign(self, app: Exqueue, *, unsigned: bool = False) -> Resigned:
        return Resigner(app.store, app.reader, app.envelope(), unsigned=unsigned).run()

    def finish(self, app: Exqueue, result: bytes = b'\x11"kept"') -> None:
        """Start the next job of Add and let it succeed."""
        claim = self.start(app)
        kept = app.envelope().close_result("Add", claim.id, result)
        app.store.complete(claim, "s", "", keep_ms=60_000 if claim.header.keep else 0, result=kept)

    def start(self, app: Exqueue) -> Claim:
        app.store.register("Add", "s", "{}", "r")
        claim = app.store.claim("Add", "s", "s/1")
        assert isinstance(claim, Claim)
        return claim


@pytest.fixture
def yard(channel: Channel) -> Iterator[Yard]:
    made = Yard(channel)
    yield made
    assert broken(channel, made.namespace) == []


def by(keys: Keys, state: str) -> Signature:
    return Signature(state, keys.ids[0])


@on_servers
def test_jobs_wherever_they_are_those_that_follow_and_results_are_counted_by_their_keys(yard: Yard) -> None:
    old, new = yard.old, yard.new
    chain = [Send.options().call("b"), Add.options(then=[Add.options().call(2)]).call(1)]
    for options in (Add.options(keep_result=60), Add.options(then=chain)):
        old.enqueue(options, 1)
        yard.finish(old)
    old.enqueue(Add.options(delay=60, then=[Send.options().call("c")]), 1)
    new.enqueue(Add.options(key="k"), 1)
    new.enqueue(Add.options(key="k"), 2)
    yard.none.enqueue(Add, 3)
    mine, theirs, nobodys = by(NEW, SIGNS), by(OLD, UNKNOWN), Signature(UNSIGNED)
    assert yard.tally(new) == ({mine: 2, theirs: 1, nobodys: 1}, {theirs: 4}, {theirs: 1}, 6)
    known = by(OLD, VERIFIES)
    assert yard.tally(yard.both) == ({mine: 2, known: 1, nobodys: 1}, {known: 4}, {known: 1}, 1)
    assert yard.tally(yard.none)[3] == 7


@on_servers
def test_all_that_verifies_is_signed_anew_in_its_place(yard: Yard) -> None:
    old, both = yard.old, yard.both
    old.enqueue(Add.options(keep_result=60, id="kept"), 1)
    yard.finish(old)
    old.enqueue(Add.options(then=[Send.options().call("b"), Add.options(then=[Add.options().call(2)]).call(1)]), 1)
    yard.finish(old)
    old.enqueue(Add.options(delay=60, then=[Send.options().call("c")]), 1)
    old.enqueue(Add.options(id="x"), 4)
    assert yard.resign(both) == Resigned(jobs=2, following=4, results=1)
    assert yard.tally(yard.new) == ({by(NEW, SIGNS): 2}, {by(NEW, SIGNS): 4}, {by(NEW, SIGNS): 1}, 0)
    assert (yard.new.job("kept").result(0), yard.resign(both)) == ("kept", Resigned())


def test_what_runs_what_is_unsigned_and_what_does_not_verify_is_left(yard: Yard) -> None:
    yard.old.enqueue(Add.options(then=[Add.options().call(2)]), 1)
    yard.start(yard.old)
    yard.none.enqueue(Add, 2)
    yard.app(Keys.parse("the key of nobody here")).enqueue(Add, 3)
    before = yard.none.reader.bodies("Add", [*yard.none.reader.ids("Add")])
    assert yard.resign(yard.both) == Resigned(running=2, unsigned=1, unverifiable=1)
    assert yard.none.reader.bodies("Add", [*yard.none.reader.ids("Add")]) == before


def test_what_nobody_has_signed_is_signed_if_asked_for(yard: Yard) -> None:
    yard.none.enqueue(Add.options(id="a", then=[Add.options().call(2)]), 1)
    assert (yard.resign(yard.both, unsigned=True), yard.tally(yard.new)[3]) == (Resigned(jobs=1, following=1), 0)


def test_a_body_that_was_altered_or_moved_is_not_signed_anew_nor_is_one_that_is_cut_off(yard: Yard) -> None:
    for job_id in "abcd":
        yard.old.enqueue(Add.options(id=job_id, then=[Add.options().call(1)]), 1)
    bodies, chains = (yard.old.store.keys("Add")[name] for name in ("bodies", "chains"))
    a, b = yard.old.reader.bodies("Add", ["a", "b"])
    yard.channel.ask([("HSET", bodies, "a", b, "b", a[:-1] + b"!", "c", a[:20]), ("HSET", chains, "d", b"no JSON")])
    found = yard.tally(yard.both)
    assert (found[0], found[1][Signature(DAMAGED)], found[3]) == (
        {Signature(ALTERED): 2, Signature(DAMAGED): 1, by(OLD, VERIFIES): 1},
        1,
        4,
    )
    assert yard.resign(yard.both, unsigned=True) == Resigned(jobs=1, following=3, unverifiable=4)
    yard.channel.ask([("HDEL", chains, "d")])


def test_nothing_is_unpickled(yard: Yard, tmp_path: Path) -> None:
    marker = tmp_path / "unpickled"
    bomb = b"\x01cos\nsystem\n(S'touch %s'\ntR." % str(marker).encode()
    for app in (yard.old, yard.none):
        job = app.enqueue(Add.options(keep_result=60, then=[Add.options().call(1)]), 1)
        record = job.record()
        sealed = app.envelope().close("Add", job.id, record.terms, record.header, bomb)
        yard.channel.ask([("HSET", app.store.keys("Add")["bodies"], job.id, sealed)])
    yard.tally(yard.both)
    assert (yard.resign(yard.both, unsigned=True).jobs, marker.exists()) == (2, False)


def test_each_job_of_a_chain_is_signed_for_its_own_queue_id_and_key(yard: Yard) -> None:
    yard.old.enqueue(Add.options(then=[Send.options(key="k", id="next").call("b")]), 1)
    assert yard.tally(yard.old)[1:] == ({by(OLD, SIGNS): 1}, {}, 0)


def test_a_key_whose_jobs_have_the_wrong_namespace_verifies_none(yard: Yard) -> None:
    yard.old.enqueue(Add, 1)
    other = replace(yard.old.envelope(), namespace="other")
    assert tally(yard.old.reader, other).not_run(other) == 1
