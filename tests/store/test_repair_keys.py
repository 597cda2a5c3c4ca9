"""A key whose head has lost its terms waits for it, with and without a repair, and goes on when it is gone."""

from __future__ import annotations

import pytest

from exqueue.app import Exqueue
from exqueue.model.job import Claim
from exqueue.model.lifecycle import Place
from exqueue.store.audit import Auditor
from exqueue.store.fsck import check
from exqueue.store.repair import Repair
from tests.conftest import on_servers
from tests.store.kit import FAIL, Bench


@pytest.fixture
def app(unchecked_app: Exqueue) -> Exqueue:
    return unchecked_app


def repaired(bench: Bench) -> list[str]:
    """What was repaired, and how: `heads k -> dropped`."""
    return [f"{done.finding.invariant} {done.finding.key} -> {done.did}" for done in Repair(bench.store, ["q"]).run()]


def keyed(bench: Bench, terms: str = "xx") -> None:
    """Three jobs of a key, of whose head nobody can read the terms."""
    bench.open("s", "t")
    bench.put("a", "b", "c", key="k")
    bench.ask("HSET", bench.keys["terms"], "a", terms)


@on_servers
def test_nobody_passes_a_head_whose_terms_cannot_be_read_while_it_is_there(bench: Bench) -> None:
    keyed(bench)
    in_line = repaired(bench), bench.ids(Place.WAITING)
    claim = bench.take()
    running = repaired(bench), bench.ids(Place.WAITING), isinstance(bench.claim("t"), Claim)
    bench.apply(claim, FAIL)
    failed = repaired(bench), bench.ids(Place.WAITING), bench.fields("heads")
    assert (in_line, running, failed) == (([], ["b", "c"]), ([], ["b", "c"], False), ([], ["b", "c"], {"k": "a"}))


@on_servers
@pytest.mark.parametrize("keep_ms", [0, 60_000])
def test_the_key_goes_on_with_the_next_repair_when_it_is_gone(bench: Bench, keep_ms: int) -> None:
    keyed(bench)
    bench.complete(bench.take(), keep_ms=keep_ms, result=b"result")
    waits = bench.ids(Place.WAITING)
    repaired(bench)
    assert (waits, bench.pending, bench.ids(Place.WAITING), bench.fields("heads")) == (["b", "c"], ["b"], ["c"], {"k": "b"})


@on_servers
def test_fsck_says_of_a_head_whose_terms_cannot_be_read_that_its_key_waits(bench: Bench) -> None:
    keyed(bench)
    advice = (
        "it is taken for a plain job, without key, priority, unique name or followers; "
        "its key waits until it is gone, and goes on with the next repair"
    )
    assert [(found.line, found.repair, found.advice) for found in check(bench.store, ["q"])] == [
        ("a has terms that cannot be read", "", advice),
        ("heads has k: a, but that has terms that cannot be read", "", advice),
    ]  # fmt: skip


@on_servers
def test_a_repair_that_is_told_of_a_head_whose_terms_cannot_be_read_leaves_it(bench: Bench) -> None:
    keyed(bench)
    auditor = Auditor(bench.store, "q")
    auditor.look_again()
    assert (auditor.settled("strip", ("heads", "k", "a"), error="{}"), bench.fields("heads")) == ([0], {"k": "a"})
