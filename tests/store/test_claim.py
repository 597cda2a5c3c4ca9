"""claim: one job for one worker process; the same one for as long as it is not settled."""

from __future__ import annotations

import pytest

from exqueue.model.job import Claim, Header, Run
from exqueue.model.lifecycle import Place
from exqueue.store.replies import Empty, Unregistered
from tests.conftest import on_servers_and_cluster as on_servers
from tests.store.kit import BODY, FAIL, HEADER, Bench

ADOPTED = Header(problem="its id was found in a list of the queue, but there is no such job")


@on_servers
def test_the_first_in_line_is_handed_over_with_all_that_was_stored(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    claim = bench.take("s", "s/1")
    header = Header(**{**{name: getattr(HEADER, name) for name in HEADER.__slots__}, "seq": 1})
    assert claim == Claim("a", "q", "s/1", Run(1, 0, 0, claim.run.since, "s/1"), header, BODY)
    assert (bench.pending, bench.counts()) == (["b"], {"pending": 1, "processing": 1, "enqueued": 2})


@on_servers
def test_a_start_is_stamped_with_the_time_of_the_server(bench: Bench) -> None:
    def now() -> int:
        seconds, micros = bench.ask("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    before = now()
    assert before <= bench.start("a").run.since <= now()


@on_servers
def test_nothing_is_claimed_from_an_empty_queue(bench: Bench) -> None:
    bench.open("s")
    before = bench.snapshot()
    assert (bench.store.claim("q", "s", "s/1"), bench.snapshot()) == (Empty(), before)


@on_servers
def test_a_slot_that_was_never_opened_gets_nothing(bench: Bench) -> None:
    bench.put("a")
    before = bench.snapshot()
    assert (bench.store.claim("q", "s", "s/1"), bench.snapshot()) == (Unregistered(), before)


@on_servers
def test_two_slots_get_two_jobs(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.open("s", "t")
    assert [bench.take("s").id, bench.take("t").id, bench.pending] == ["a", "b", ["c"]]


@on_servers
@pytest.mark.parametrize("token", ["s/1", "s/2"])
def test_a_slot_that_holds_a_job_gets_that_job_and_its_first_token_again(bench: Bench, token: str) -> None:
    bench.put("a", "b")
    bench.open("s")
    first, after = bench.take("s", "s/1"), bench.snapshot()
    assert (bench.take("s", token), bench.snapshot()) == (first, after)


@on_servers
@pytest.mark.parametrize("limits", ["", "9 0 0"])  # the usual way, and the other
def test_what_was_moved_into_the_list_of_the_slot_comes_first(bench: Bench, limits: str) -> None:
    bench.put("a", "b", "c")
    bench.open("s", "t")
    bench.move("t")
    claims = [claim for slot in ("s", "t") if isinstance(claim := bench.claim(slot, limits), Claim)]
    assert ([claim.id for claim in claims], bench.pending) == (["b", "a"], ["c"])


@on_servers
def test_of_two_that_were_moved_into_the_list_the_first_is_held_until_it_is_settled(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    bench.move("s")  # a BLMOVE of a connection that was given up ...
    bench.move("s")  # ... and that of the next one
    first = bench.take()
    assert (first.id, bench.take(), bench.reader.held("q", ["s"])) == ("a", first, {"s": ["a", "b"]})


@on_servers
def test_what_overtakes_one_of_two_that_were_moved_is_held_until_it_is_settled(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    bench.move("s")
    bench.move("s")
    bench.put("high", priority=1)
    first = bench.take("s", "s/1")
    assert (first.id, bench.take("s", "s/1"), bench.reader.held("q", ["s"])) == ("high", first, {"s": ["high", "b"]})


@on_servers
def test_a_slot_whose_name_begins_like_anothers_does_not_get_its_job(bench: Bench) -> None:
    bench.put("a")
    bench.open("s", "s1")
    bench.take("s1", "s1/1")
    bench.ask("RPUSH", bench.keys.processing("s"), "a")
    assert bench.store.claim("q", "s", "s/1") == Empty()


@on_servers
def test_an_id_named_twice_runs_once(bench: Bench) -> None:
    bench.put("a", "b")
    bench.ask("LPUSH", bench.keys["pending"], "a")
    bench.open("s", "t")
    assert [bench.take("s").id, bench.take("t").id, bench.counts()] == ["a", "b", {"processing": 2, "enqueued": 2}]


@on_servers
def test_an_id_without_a_job_is_adopted(bench: Bench) -> None:
    bench.open("s")
    bench.ask("RPUSH", bench.keys["pending"], "foreign")
    claim = bench.take("s", "s/1")
    assert claim == Claim("foreign", "q", "s/1", Run(1, 0, 0, claim.run.since, "s/1"), ADOPTED, b"")


@on_servers
def test_an_adopted_id_that_fails_can_be_seen_requeued_and_deleted(bench: Bench) -> None:
    bench.open("s")
    bench.ask("RPUSH", bench.keys["pending"], "foreign")
    bench.apply(bench.take(), FAIL)
    assert bench.store.requeue("q", ["foreign"]) == 1
    bench.apply(bench.take(), FAIL)
    assert (bench.ids(Place.FAILED), bench.counts()) == (["foreign"], {"failed": 1, "enqueued": 1})
    assert (bench.store.delete("q", ["foreign"]), bench.counts()) == (1, {"enqueued": 1, "deleted": 1})


@on_servers
def test_an_adopted_id_of_any_bytes_can_be_settled(bench: Bench) -> None:
    bench.open("s")
    bench.ask("RPUSH", bench.keys["pending"], b"\xff\x00 \n/\xc3")
    claim = bench.take()
    bench.apply(claim, FAIL)
    assert bench.ids(Place.FAILED) == [claim.id] == ["\udcff\x00 \n/\udcc3"]
    assert bench.store.delete("q", [claim.id]) == 1


@on_servers
def test_a_job_without_a_body_is_handed_over_without_one(bench: Bench) -> None:
    bench.put("a")
    bench.open("s")
    bench.ask("HDEL", bench.keys["bodies"], "a")
    claim = bench.take()
    bench.ask("HSET", bench.keys["bodies"], "a", BODY)
    assert (claim.id, claim.body) == ("a", b"")


@on_servers
def test_waiting_moves_the_next_job_into_the_list_of_the_slot(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    bench.store.wait("q", "s", 1.0, None)
    assert (bench.reader.held("q", ["s"]), bench.pending, bench.take().id) == ({"s": ["a"]}, ["b"], "a")
