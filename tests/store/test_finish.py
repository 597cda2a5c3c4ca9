"""finish, purge, report: what a job leaves when it has succeeded: a result, jobs that follow it, a key and a name that are free."""

from __future__ import annotations

from typing import Any

import pytest

from exqueue.model.chain import NewJob
from exqueue.model.job import Claim, Counts, Progress, Terms
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail, Recover, Settling
from exqueue.store.replies import Empty, Settled, Stale
from exqueue.store.scripts import script
from tests.conftest import on_servers
from tests.store.kit import BODY, CRASH, DISCARD, FAIL, HEADER, RELEASE, RETRY, Bench

HALF, ALL = Progress(0.5, "page 5 of 10", 7), Progress(1.0, "", 8)
EMPTY = ["beats", "counters", "recent", "settled", "slots"]


def chained(bench: Bench, job_id: str = "a", **terms: Any) -> Claim:
    """A job that another one follows, claimed."""
    bench.store.enqueue("q", [NewJob(job_id, HEADER, BODY, Terms(chained=True, **terms).encode(), b"chain")])
    bench.open("s")
    return bench.take()


@on_servers
def test_a_result_is_kept_with_its_job_until_its_time_is_over(bench: Bench) -> None:
    claim = bench.start("a")
    assert bench.complete(claim, keep_ms=60_000, result=bytes(range(256))) == Settled()
    record = bench.record("a")
    seconds, _ = bench.ask("TIME")
    assert (bench.reader.result("q", "a"), bench.reader.counts("q"), bench.spent("a"), record.run.token) == (
        bytes(range(256)), Counts(done=1, enqueued=1), (1, 0, 0), "",
    )  # fmt: skip
    assert 50_000 < record.when - int(seconds) * 1000 <= 61_000


@on_servers
@pytest.mark.parametrize("terms", [{}, {"key": "k"}, {"unique": "u"}, {"chained": True}, {"priority": 3}], ids=str)
def test_a_job_whose_result_is_not_kept_leaves_nothing_but_its_id(bench: Bench, terms: dict[str, Any]) -> None:
    bench.put("a", **terms)
    bench.open("s")
    bench.complete(bench.take())
    assert (sorted(bench.snapshot()), bench.counts()) == (EMPTY, {"enqueued": 1, "completed": 1})


@on_servers
@pytest.mark.parametrize("keep_ms", [0, 60_000])
def test_its_key_goes_on(bench: Bench, keep_ms: int) -> None:
    bench.put("a", "b", key="k")
    bench.put("p")
    bench.open("s")
    bench.complete(bench.take(), keep_ms=keep_ms)
    assert (bench.pending, bench.fields("heads")) == (["b", "p"], {"k": "b"})


@on_servers
@pytest.mark.parametrize("keep_ms", [0, 60_000])
def test_the_next_of_its_key_is_claimed_in_the_same_step(bench: Bench, keep_ms: int) -> None:
    bench.put("a", "b", key="k")
    bench.open("s")
    found = bench.complete(bench.take(), "s/next", keep_ms=keep_ms)
    assert isinstance(found, Claim)
    assert (found.id, bench.complete(found, "s/last", keep_ms=keep_ms)) == ("b", Empty())


@on_servers
def test_whoever_has_lost_the_job_keeps_no_result(bench: Bench) -> None:
    claim = bench.start("a")
    bench.recover("s", claim, Recover(CRASH))
    before = bench.snapshot()
    assert (bench.complete(claim, keep_ms=60_000, result=b"late"), bench.snapshot()) == (Stale(), before)


@on_servers
def test_told_again_the_first_result_stands(bench: Bench) -> None:
    claim = bench.start("a")
    bench.complete(claim, keep_ms=60_000, result=b"first")
    assert (bench.complete(claim, keep_ms=60_000, result=b"second"), bench.reader.result("q", "a")) == (Settled(), b"first")


@on_servers
def test_results_are_removed_when_their_time_is_over_and_no_sooner(bench: Bench) -> None:
    bench.keep("a", "b", "c", key="k", unique="")
    bench.ask("ZADD", bench.keys["done"], 2, "c", 1, "a")
    assert (bench.store.purge("q"), bench.ids(Place.DONE), bench.fields("results")) == (2, ["b"], {"b": "result"})
    assert bench.counts() == {"done": 1, "enqueued": 3, "completed": 2}


@on_servers
def test_of_many_results_no_more_are_removed_at_once_than_asked_for(bench: Bench) -> None:
    bench.keep("a", "b", "c")
    bench.ask("ZADD", bench.keys["done"], 3, "a", 2, "b", 1, "c")
    assert ([bench.store.purge("q", 2), bench.ids(Place.DONE)], bench.store.purge("q", 2)) == ([2, ["a"]], 1)


@on_servers
@pytest.mark.parametrize("how", ["purge", "delete"])
def test_a_result_that_is_removed_leaves_nothing_but_the_id_of_its_job(bench: Bench, how: str) -> None:
    bench.put("a", key="k", unique="u")
    bench.open("s")
    claim = bench.take()
    bench.store.report(claim, HALF)
    bench.complete(claim, keep_ms=1, result=b"r")
    bench.ask("ZADD", bench.keys["done"], 1, "a")
    bench.store.purge("q") if how == "purge" else bench.store.delete("q", ["a"])
    assert (sorted(bench.snapshot()), bench.counts(), bench.put("a")) == (EMPTY, {"enqueued": 1, "completed": 1}, [False])


@on_servers
@pytest.mark.parametrize("step", ["requeue", "cancel", "skip"])
def test_what_is_done_is_not_run_again_or_cancelled(bench: Bench, step: str) -> None:
    bench.keep("a", key="k")
    assert (getattr(bench.store, step)("q", ["a"]), bench.counts()) == (0, {"done": 1, "enqueued": 1})


@on_servers
@pytest.mark.parametrize("keep_ms", [0, 60_000])
def test_what_follows_a_job_is_in_the_outbox_once_it_has_succeeded(bench: Bench, keep_ms: int) -> None:
    claim = chained(bench)
    assert bench.reader.outbox("q") == {}
    bench.complete(claim, keep_ms=keep_ms)
    assert (bench.reader.outbox("q"), bench.fields("chains")) == ({"a": b"chain"}, {})


@on_servers
def test_a_success_that_is_told_again_sets_off_nothing_more(bench: Bench) -> None:
    claim = chained(bench)
    bench.complete(claim)
    bench.store.deliver("q", "a")
    assert (bench.complete(claim), bench.reader.outbox("q")) == (Settled(), {})


@on_servers
@pytest.mark.parametrize("verdict", [RETRY, FAIL, RELEASE], ids=lambda verdict: type(verdict).__name__)
def test_a_job_that_has_not_succeeded_is_followed_by_nothing_yet(bench: Bench, verdict: Any) -> None:
    bench.apply(chained(bench), verdict)
    assert (bench.reader.outbox("q"), bench.fields("chains")) == ({}, {"a": "chain"})


@on_servers
def test_a_job_that_is_requeued_is_followed_when_it_succeeds(bench: Bench) -> None:
    bench.recover("s", chained(bench), Fail(CRASH))
    bench.store.requeue("q", ["a"])
    bench.open("t")
    bench.complete(bench.take("t"), slot="t")
    assert bench.reader.outbox("q") == {"a": b"chain"}


@on_servers
@pytest.mark.parametrize("end", ["discard", "delete", "cancel"])
def test_what_would_have_followed_a_job_that_is_removed_is_removed(bench: Bench, end: str) -> None:
    claim = chained(bench)
    ends: dict[str, Settling] = {"discard": DISCARD, "delete": FAIL, "cancel": RELEASE}
    bench.apply(claim, ends[end])
    if end != "discard":
        getattr(bench.store, end)("q", ["a"])
    assert sorted(bench.snapshot().keys() - {"pending"}) == EMPTY  # a bell may be left there


@on_servers
def test_what_has_been_delivered_is_struck_off_alone(bench: Bench) -> None:
    bench.ask("HSET", bench.keys["outbox"], "a", "1", "b", "2")
    bench.put("p")
    bench.store.deliver("q", "a")
    bench.store.deliver("q", "unknown")
    assert bench.reader.outbox("q") == {"b": b"2"}


@on_servers
def test_a_job_that_is_no_plain_one_is_not_completed_as_one(bench: Bench) -> None:
    bench.put("a", "b", key="k")
    bench.open("s")
    claim, before = bench.take(), bench.snapshot()
    loaded, who = script("complete"), {"slot": "s", "id": "a", "token": claim.token, "next_token": "s/2"}
    assert bench.channel.run(loaded, loaded.locate(bench.keys, who), loaded.arguments(who, ())) == [b"unusual"]
    assert bench.snapshot() == before


@on_servers
def test_how_far_a_job_is_can_be_seen_until_it_is_gone(bench: Bench) -> None:
    claim = bench.start("a")
    told = [bench.store.report(claim, note) for note in (ALL, HALF)]
    assert (told, bench.record("a").note, next(bench.reader.all_in("q", Place.PROCESSING)).note) == ([Settled()] * 2, HALF, HALF)
    bench.complete(claim)
    assert sorted(bench.snapshot()) == EMPTY


@on_servers
def test_how_far_a_job_has_come_is_kept_with_its_result(bench: Bench) -> None:
    claim = bench.start("a")
    bench.store.report(claim, ALL)
    bench.complete(claim, keep_ms=60_000)
    assert bench.record("a").note == ALL


@on_servers
def test_whoever_has_lost_the_job_cannot_say_how_far_it_is(bench: Bench) -> None:
    claim = bench.start("a")
    bench.apply(claim, RELEASE)
    before = bench.snapshot()
    assert (bench.store.report(claim, HALF), bench.snapshot()) == (Stale(), before)


@on_servers
def test_a_job_with_terms_that_tells_how_far_it_is_keeps_them(bench: Bench) -> None:
    bench.put("a", "b", key="k", unique="u")
    bench.open("s")
    claim = bench.take()
    bench.store.report(claim, HALF)
    assert bench.record("a").terms == claim.terms == Terms("k", blocks=True, unique="u")


@on_servers
def test_a_plain_job_that_tells_how_far_it_is_stays_plain_for_all_else(bench: Bench) -> None:
    claim = bench.start("a", "b")
    bench.store.report(claim, HALF)
    bench.apply(claim, FAIL)
    bench.store.requeue("q", ["a"])
    assert (bench.pending, bench.record("a").terms, bench.snapshot()["pending"]) == (["b", "a"], Terms(), [b"b", b"a"])
