"""What a repair must not do: run a job that may run, pass a head, take the word of an old look."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.model.lifecycle import Place
from exqueue.model.settings import Settings
from exqueue.store.audit import Auditor
from exqueue.store.channel import Channel
from exqueue.store.fsck import Order, check, without_overlap
from exqueue.store.repair import Repair
from tests.conftest import on_servers
from tests.store.kit import FAIL, Bench


@pytest.fixture
def app(channel: Channel, request: pytest.FixtureRequest) -> Iterator[Exqueue]:
    app = Exqueue(settings=Settings(namespace=f"r{abs(hash(request.node.name))}"), channel=channel)
    channel.ask([("DEL", key) for key in channel.ask([("KEYS", f"{app.settings.namespace}:*")])[0]] or [("PING",)])
    yield app
    app.close()


def repaired(bench: Bench, wait: Callable[[], None] = lambda: None) -> list[str]:
    """What was repaired, and how: `b -> failed`."""
    return [f"{done.finding.key} -> {done.did}" for done in Repair(bench.store, ["q"], wait).run()]


@on_servers
def test_a_job_whose_process_lives_goes_back_to_it_and_can_be_settled(bench: Bench) -> None:
    claim = bench.start("a", "b")
    bench.ask("DEL", bench.keys.processing("s"))
    assert repaired(bench) == ["a -> processing"]
    bench.complete(claim)
    assert (bench.counts(), list(check(bench.store))) == ({"pending": 1, "enqueued": 2, "completed": 1}, [])


@on_servers
def test_a_job_in_no_place_fails_and_blocks_its_key(bench: Bench) -> None:
    bench.put("a", "b", key="k")
    bench.ask("DEL", bench.keys["pending"])
    assert repaired(bench) == ["a -> failed"]
    assert ([key.head for key in bench.reader.blocked("q")], bench.ids(Place.WAITING), bench.pending) == (["a"], ["b"], [])


@on_servers
def test_a_job_in_several_places_stays_where_it_does_not_run_by_itself(bench: Bench) -> None:
    bench.fail("a")
    bench.put("b", "c")
    bench.ask("RPUSH", bench.keys["pending"], "a")
    bench.ask("ZADD", bench.keys["delayed"], 9e12, "b")
    repaired(bench)
    assert (bench.ids(Place.FAILED), bench.pending, bench.ids(Place.DELAYED)) == (["a"], ["b", "c"], [])


@on_servers
def test_what_waits_does_not_pass_a_head_that_runs(bench: Bench) -> None:
    bench.put("a", "b", "c", key="k")
    bench.open("s")
    claim = bench.take()
    bench.ask("DEL", bench.keys["heads"])
    repaired(bench)
    assert (bench.pending, bench.ids(Place.WAITING)) == ([], ["b", "c"])
    bench.complete(claim)
    assert bench.pending == ["b"]


def asked(bench: Bench, step: str, *words: str, **argv: str) -> list[bytes]:
    """What a repair did for these, whatever was found."""
    auditor = Auditor(bench.store, "q")
    auditor.look_again()
    return auditor.settled(step, words, **argv)


@on_servers
def test_what_waits_does_not_pass_one_that_is_under_way(bench: Bench) -> None:
    bench.put("a", "b", key="k")
    bench.open("s")
    bench.take()
    bench.ask("DEL", bench.keys["heads"])
    assert (asked(bench, "retie", "b", ""), bench.ids(Place.WAITING)) == ([b""], ["b"])
    assert (asked(bench, "retie", "a", ""), list(check(bench.store))) == ([b"head"], [])


@on_servers
def test_a_repair_asked_for_what_waits_leaves_a_head_without_terms(bench: Bench) -> None:
    bench.put("a", "b", key="k")
    bench.ask("HDEL", bench.keys["terms"], "a")
    assert (asked(bench, "retie", "b", ""), bench.ids(Place.WAITING)) == ([b""], ["b"])


@on_servers
def test_a_job_that_is_named_twice_is_put_back_once(bench: Bench) -> None:
    bench.start("a")
    bench.ask("DEL", bench.keys.processing("s"))
    assert asked(bench, "relocate", "a", "a", error="{}", long_gone="") == [b"processing", b""]
    assert list(check(bench.store)) == []


@on_servers
def test_what_waits_does_not_pass_a_head_that_has_lost_its_terms(bench: Bench) -> None:
    bench.put("a", "b", key="k")
    bench.ask("HDEL", bench.keys["terms"], "a")
    assert (repaired(bench), bench.pending, bench.ids(Place.WAITING)) == ([], ["a"], ["b"])
    bench.open("s")
    bench.complete(bench.take())
    assert (repaired(bench)[-1], bench.pending) == ("b -> head", ["b"])


@on_servers
def test_a_key_that_failed_stays_blocked_though_its_head_was_forgotten(bench: Bench) -> None:
    bench.put("a", "b", "c", key="k", blocks=True)
    bench.open("s")
    bench.apply(bench.take(), FAIL)
    bench.store.skip("q", ["a"])
    bench.apply(bench.take(), FAIL)
    bench.ask("ZADD", bench.keys["failed"], 1, "a")  # long before b
    bench.ask("DEL", bench.keys["heads"])
    repaired(bench)
    assert ([key.head for key in bench.reader.blocked("q")], bench.ids(Place.WAITING)) == (["b"], ["c"])


@on_servers
def test_a_token_of_a_slot_that_nobody_knows_counts_until_a_lease_has_passed(bench: Bench) -> None:
    bench.put("a")
    bench.ask("HSET", bench.keys["runs"], "a", "1 0 0 5 unknown/1")
    seen: list[str] = []
    assert repaired(bench, lambda: seen.append(bench.record("a").run.token)) == ["a -> pending"]
    assert (seen, bench.record("a").run.token) == (["unknown/1"], "")


@on_servers
def test_a_job_that_was_begun_by_a_process_that_runs_another_by_now_is_not_given_back_to_it(bench: Bench) -> None:
    bench.start("b")
    bench.put("a")
    bench.ask("LREM", bench.keys["pending"], 0, "a")
    bench.ask("HSET", bench.keys["runs"], "a", "1 0 0 5 s/0")
    assert (repaired(bench), bench.reader.held("q", ["s"]), bench.record("a").place) == (["a -> failed"], {"s": ["b"]}, Place.FAILED)


@on_servers
def test_so_does_it_where_the_list_of_that_slot_holds_another(bench: Bench) -> None:
    bench.put("a", "b")
    bench.ask("HSET", bench.keys["runs"], "a", "1 0 0 5 unknown/1", "b", "1 0 0 5 unknown/2")
    bench.ask("LMOVE", bench.keys["pending"], bench.keys.processing("unknown"), "RIGHT", "LEFT")
    seen: list[str] = []
    repaired(bench, lambda: seen.append(bench.record("a").run.token))
    assert (seen, bench.record("a").run.token, bench.pending) == (["unknown/1"], "", ["a", "b"])


@on_servers
def test_what_a_slot_that_nobody_knows_has_claimed_is_taken_back_after_a_lease(bench: Bench) -> None:
    bench.start("a", "b")
    bench.ask("HDEL", bench.keys["slots"], "s")
    seen: list[int] = []
    repaired(bench, lambda: seen.append(bench.ask("LLEN", bench.keys.processing("s"))))
    assert (seen, bench.pending, bench.spent("a")) == ([1], ["a", "b"], (1, 0, 1))


@on_servers
def test_a_slot_that_was_opened_again_meanwhile_keeps_what_it_has(bench: Bench) -> None:
    claim = bench.start("a")
    bench.ask("HDEL", bench.keys["slots"], "s")
    repaired(bench, lambda: bench.open("s"))
    bench.complete(claim)
    assert bench.counts() == {"enqueued": 1, "completed": 1}


@on_servers
def test_a_slot_that_was_opened_after_it_was_listed_is_not_overlooked(bench: Bench) -> None:
    auditor = Auditor(bench.store, "q")
    auditor.look_again()
    bench.start("a")
    assert (auditor.audit([b"a"], exact=True)[0].places, auditor.tally().running) == (["processing:s"], 1)


@on_servers
def test_a_repair_of_what_is_whole_by_now_does_nothing(bench: Bench) -> None:
    bench.start("a", "b", "c")
    bench.put("d", "e", key="k")
    before, ids = bench.snapshot(), ("a", "b", "c", "d", "e", "unknown")
    done = [asked(bench, "relocate", *ids, error="{}", long_gone="1"), asked(bench, "recount", newest="0"),
            asked(bench, "retie", *(word for job_id in ids for word in (job_id, ""))), asked(bench, "persist")]  # fmt: skip
    assert (done, bench.snapshot()) == ([[b""] * 6, [], [b""] * 6, [0]], before)


def test_of_a_line_that_is_out_of_order_those_are_named_that_stand_wrong() -> None:
    def wrong(*numbers: int) -> set[int]:
        order = Order()
        for number in reversed(numbers):
            order.add(b"%d" % number, number)
        return {int(job_id) for job_id, _ in order.done()}

    found = [wrong(1, 2, 3), wrong(3, 1, 2), wrong(2, 3, 1), wrong(1, 9, 2, 3), wrong(5, 6, 1, 7), wrong(2, 2), wrong()]
    assert found == [set(), {3}, {1}, {9}, {1}, set(), set()]


@pytest.mark.parametrize(
    ("page", "later", "new"),
    [
        ("abc", "", "abc"),
        ("abc", "def", "abc"),
        ("abcd", "cdef", "ab"),
        ("cdef", "cdef", ""),
        ("acdc", "cxyz", "acd"),
        ("acd", "dcd", "ac"),
    ],
)
def test_of_a_page_only_that_is_new_which_the_one_behind_did_not_have(page: str, later: str, new: str) -> None:
    assert without_overlap([b"%c" % ord(one) for one in page], [b"%c" % ord(one) for one in later]) == [b"%c" % ord(one) for one in new]
