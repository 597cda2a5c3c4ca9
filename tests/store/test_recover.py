"""recover: take back what a dead process holds, and only what it is known to hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exqueue.model.job import Claim
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail, Recover, Settling
from exqueue.store.replies import Empty, Settled, Unregistered
from tests.conftest import on_servers_and_cluster as on_servers
from tests.store.kit import CRASH, DISCARD, FAIL, RELEASE, RETRY, SNOOZE, Bench


@on_servers
def test_the_job_of_a_dead_process_goes_back_to_the_head_and_its_slot_is_closed(bench: Bench) -> None:
    claim = bench.start("a", "b")
    assert bench.recover("s", claim) == "recovered"
    assert (bench.pending, bench.reader.slots("q"), bench.reader.graves("q")) == (["a", "b"], [], ["s"])
    assert bench.counts() == {"pending": 2, "enqueued": 2}


@on_servers
def test_a_poison_job_goes_to_failed(bench: Bench) -> None:
    claim = bench.start("a", "b")
    assert bench.recover("s", claim, Fail(CRASH)) == "recovered"
    assert (bench.pending, bench.ids(Place.FAILED), bench.record("a").errors) == (["b"], ["a"], (CRASH,))


@on_servers
def test_a_slot_without_a_job_is_just_closed(bench: Bench) -> None:
    bench.put("a")
    bench.open("s")
    assert bench.recover("s") == "recovered"
    assert (bench.pending, bench.reader.graves("q"), bench.spent("a")) == (["a"], ["s"], (0, 0, 0))


@on_servers
def test_an_unknown_slot_is_gone(bench: Bench) -> None:
    bench.start("a", slot="t")
    before = bench.snapshot()
    assert (bench.recover("s"), bench.snapshot()) == ("gone", before)


@on_servers
def test_an_unknown_slot_that_holds_a_job_all_the_same_is_emptied_and_closed(bench: Bench) -> None:
    bench.put("a", "b")
    bench.move("s")  # a process that was blocked in BLMOVE while the server was emptied
    assert (bench.recover("s"), bench.pending, bench.reader.graves("q")) == ("recovered", ["a", "b"], ["s"])


@on_servers
def test_a_runner_that_beats_again_is_alive(bench: Bench) -> None:
    claim = bench.start("a", "b")
    seen = bench.reader.beats("q")["r"]
    bench.store.beat("q", "r", {"s": "{}"})
    before = bench.snapshot()
    assert (bench.recover("s", claim, beat=seen), bench.snapshot()) == ("alive", before)


@on_servers
def test_a_runner_that_has_signed_off_since_is_looked_at_again(bench: Bench) -> None:
    claim = bench.start("a", "b")
    bench.store.depart("q", "r")
    before = bench.snapshot()
    assert (bench.recover("s", claim, beat="0"), bench.snapshot()) == ("alive", before)


@on_servers
def test_a_runner_that_beats_no_more_is_dead(bench: Bench) -> None:
    claim = bench.start("a", "b")
    bench.store.beat("q", "r", {"s": "{}"})
    assert bench.recover("s", claim, beat=bench.reader.beats("q")["r"]) == "recovered"
    assert bench.pending == ["a", "b"]


@on_servers
def test_a_slot_that_runs_a_later_job_than_told_has_changed(bench: Bench) -> None:
    claim = bench.start("a", "b")
    bench.complete(claim, "s/2")
    before = bench.snapshot()
    assert (bench.recover("s", claim), bench.snapshot()) == ("changed", before)


@on_servers
def test_a_slot_that_runs_a_later_start_of_the_same_job_has_changed(bench: Bench) -> None:
    claim = bench.start("a", "b")
    bench.apply(claim, RELEASE)
    bench.take()
    before = bench.snapshot()
    assert (bench.recover("s", claim), bench.snapshot()) == ("changed", before)


@on_servers
def test_a_slot_that_was_thought_to_be_idle_but_runs_a_job_has_changed(bench: Bench) -> None:
    bench.start("a", "b")
    before = bench.snapshot()
    assert (bench.recover("s"), bench.snapshot()) == ("changed", before)


@on_servers
def test_a_start_that_was_settled_in_time_is_not_a_crash(bench: Bench) -> None:
    claim = bench.start("a", "b")
    bench.apply(claim, RELEASE)
    assert (bench.recover("s", claim), bench.spent("a"), bench.record("a").errors) == ("recovered", (0, 0, 0), ())


@on_servers
def test_a_job_that_was_moved_after_the_start_was_settled_goes_back_uncounted(bench: Bench) -> None:
    claim = bench.start("a", "b")
    bench.complete(claim)
    bench.move("s")
    assert (bench.recover("s", claim), bench.pending, bench.spent("b")) == ("recovered", ["b"], (0, 0, 0))


@on_servers
def test_the_job_of_another_slot_is_left_to_it(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s", "t")
    theirs = bench.take("t")
    bench.ask("RPUSH", bench.keys.processing("s"), "a")
    assert (bench.recover("s"), bench.reader.held("q", ["s", "t"]), bench.record("a").run) == ("recovered", {"t": ["a"]}, theirs.run)


@on_servers
def test_a_slot_whose_name_begins_like_anothers_is_not_taken_for_it(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s", "s1")
    bench.take("s1")
    assert bench.recover("s") == "recovered"
    assert (bench.pending, bench.counts()) == (["b"], {"pending": 1, "processing": 1, "enqueued": 2})


@on_servers
def test_a_closed_slot_gets_no_job(bench: Bench) -> None:
    bench.recover("s", bench.start("a"))
    before = bench.snapshot()
    assert (bench.store.claim("q", "s", "s/9"), bench.snapshot()) == (Unregistered(), before)


@on_servers
def test_a_closed_slot_gets_no_job_by_completing_its_last_one_again(bench: Bench) -> None:
    claim = bench.start("a", "b")
    assert isinstance(bench.complete(claim, "s/2"), Claim)
    bench.recover("s", replace(claim, id="b", token="s/2"))
    before = bench.snapshot()
    assert (bench.complete(claim, "s/2"), bench.snapshot()) == (Empty(), before)


@on_servers
@pytest.mark.parametrize("verdict", [RETRY, SNOOZE, FAIL, RELEASE, DISCARD])
def test_who_is_taken_for_dead_after_it_has_settled_is_told_that_it_has(bench: Bench, verdict: Settling) -> None:
    claim = bench.start("a")
    bench.apply(claim, verdict)
    bench.recover("s")
    before = bench.snapshot()
    assert (bench.apply(claim, verdict), bench.snapshot()) == (Settled(), before)


@on_servers
def test_what_a_slot_has_settled_last_is_forgotten_with_its_grave(bench: Bench) -> None:
    bench.complete(bench.start("a"))
    bench.recover("s")
    bench.store.bury("q", "s", 0)
    assert "settled" not in bench.snapshot()


@on_servers
def test_what_a_late_blmove_brings_into_a_closed_slot_is_taken_back_by_the_next_sweep(bench: Bench) -> None:
    bench.recover("s", bench.start("a", "b"))
    bench.move("s")
    assert (bench.recover("s"), bench.pending, bench.spent("a")) == ("recovered", ["a", "b"], (1, 0, 1))


@on_servers
def test_a_job_in_a_closed_slot_is_seen_as_processing(bench: Bench) -> None:
    bench.recover("s", bench.start("a", "b"))
    bench.move("s")
    assert (bench.ids(Place.PROCESSING), bench.counts()) == (["b"], {"pending": 1, "processing": 1, "enqueued": 2})


@on_servers
def test_a_recovered_job_runs_in_another_slot(bench: Bench) -> None:
    bench.recover("s", bench.start("a"), Recover(CRASH))
    bench.open("t")
    claim = bench.take("t", "t/1")
    assert (claim.id, claim.run.attempt, claim.run.crashes, bench.complete(claim, "t/2", "t")) == ("a", 2, 1, Empty())


@on_servers
@pytest.mark.parametrize("token", ["s", "s/", "-", "", "t/1"])
def test_a_strange_token_recovers_no_job_of_the_slot(bench: Bench, token: str) -> None:
    claim = bench.start("a", "b")
    before = bench.snapshot()
    assert (bench.recover("s", replace(claim, token=token)), bench.snapshot()) == ("changed", before)
