"""enqueue: accept jobs, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from redis import exceptions as r

from exqueue.model.chain import NewJob
from exqueue.model.job import Run
from exqueue.model.lifecycle import Place
from exqueue.store.pool import Command
from tests.conftest import on_servers_and_cluster as on_servers
from tests.store.kit import BODY, HEADER, Bench


class Watched(list[NewJob]):
    """Counts how many are cut out of it."""

    cut = 0

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        self.cut += len(found) if isinstance(index, slice) else 0
        return found


@on_servers
def test_jobs_stand_in_line_as_they_were_given(bench: Bench) -> None:
    assert bench.put("b", "a", "c") == [True, True, True]
    assert bench.pending == ["b", "a", "c"]
    assert bench.counts() == {"pending": 3, "enqueued": 3}


@on_servers
def test_a_job_is_stored_with_its_header_and_its_body(bench: Bench) -> None:
    bench.put("a")
    assert bench.snapshot() == {
        "bodies": {b"a": BODY},
        "counters": {b"enqueued": b"1", b"seq": b"1"},
        "jobs": {b"a": b'{"seq":1,' + HEADER.encode()[1:]},
        "pending": [b"a"],
    }


@on_servers
def test_a_job_for_later_is_delayed_until_then(bench: Bench) -> None:
    bench.put("a", delay_ms=60_000)
    seconds, micros = bench.ask("TIME")
    left = bench.record("a").when - int(seconds) * 1000 - int(micros) // 1000
    assert (bench.counts(), 50_000 < left <= 60_000) == ({"delayed": 1, "enqueued": 1}, True)


@on_servers
@pytest.mark.parametrize("due", ["1", "0", "+0", "999999999999"])
def test_a_job_whose_time_is_past_stands_in_line_at_once(bench: Bench, due: str) -> None:
    bench.store.enqueue("q", [NewJob("a", HEADER, BODY)], due)
    assert (bench.pending, bench.counts()) == (["a"], {"pending": 1, "enqueued": 1})


@on_servers
def test_a_job_for_a_moment_is_delayed_until_then(bench: Bench) -> None:
    bench.store.enqueue("q", [NewJob("a", HEADER, BODY)], "9999999999999")
    assert (bench.record("a").place, bench.record("a").when) == (Place.DELAYED, 9_999_999_999_999)


@on_servers
def test_an_expiry_is_counted_from_now_on(bench: Bench) -> None:
    bench.put("a", expires=60_000)
    seconds, micros = bench.ask("TIME")
    left = bench.record("a").terms.expires - int(seconds) * 1000 - int(micros) // 1000
    assert 50_000 < left <= 60_000


@on_servers
def test_more_than_a_hundred_stand_in_line_as_they_were_given(bench: Bench) -> None:
    ids = [f"j{n}" for n in range(250, 0, -1)]
    bench.put(*ids)
    assert (bench.pending, bench.counts()) == (ids, {"pending": 250, "enqueued": 250})


@on_servers
@pytest.mark.parametrize("delay_ms", [0, 60_000])
def test_an_id_that_is_there_is_not_accepted_again(bench: Bench, delay_ms: int) -> None:
    bench.put("a", delay_ms=delay_ms)
    before = bench.snapshot()
    assert (bench.put("a"), bench.put("a", delay_ms=5), bench.snapshot()) == ([False], [False], before)


@on_servers
def test_an_id_given_twice_in_one_step_is_accepted_once(bench: Bench) -> None:
    assert bench.put("a", "b", "a") == [True, True, False]
    assert (bench.pending, bench.counts()) == (["a", "b"], {"pending": 2, "enqueued": 2})


def test_each_of_many_is_looked_at_as_often_as_each_of_few(bench: Bench) -> None:
    jobs = Watched(NewJob(f"j{number}", HEADER, BODY) for number in range(1000))
    bench.store.enqueue("q", jobs)
    assert jobs.cut == 1000


@on_servers
def test_an_id_given_again_in_a_later_hundred_is_known(bench: Bench) -> None:
    fresh = bench.put(*[f"j{n}" for n in range(150)], "j3")
    assert (fresh, bench.counts()) == ([True] * 150 + [False], {"pending": 150, "enqueued": 150})


@on_servers
def test_the_id_of_a_job_that_is_processing_or_failed_is_not_accepted_again(bench: Bench) -> None:
    bench.fail("failed")
    bench.start("processing")
    before = bench.snapshot()
    assert (bench.put("failed", "processing"), bench.snapshot()) == ([False, False], before)


@on_servers
def test_the_id_of_a_job_that_is_gone_is_not_accepted_again(bench: Bench) -> None:
    bench.complete(bench.start("completed"))
    bench.fail("deleted")
    bench.store.delete("q", ["deleted"])
    bench.put("cancelled")
    bench.store.cancel("q", ["cancelled"])
    before = bench.snapshot()
    assert bench.put("completed", "deleted", "cancelled") == [False] * 3
    assert bench.snapshot() == before


@on_servers
@pytest.mark.parametrize("priority", [0, 1])  # the way of plain jobs, and the other
def test_an_id_of_the_older_generation_is_still_known(bench: Bench, priority: int) -> None:
    bench.ask("SADD", bench.keys["older"], "a")
    assert (bench.put("a", priority=priority), bench.counts()) == ([False], {})


@on_servers
def test_ids_become_older_when_ten_thousand_are_recent_and_forgotten_a_generation_later(bench: Bench) -> None:
    bench.ask("SADD", bench.keys["older"], "forgotten")
    bench.ask("SADD", bench.keys["recent"], *range(9_999))
    bench.ask("HSET", bench.keys["counters"], "enqueued", 999, "completed", 999)
    bench.complete(bench.start("last"))
    kept = bench.snapshot()
    assert (len(kept["older"]), b"last" in kept["older"], "recent" in kept) == (10_000, True, False)
    assert bench.put("last", "forgotten") == [False, True]


@on_servers
def test_ids_do_not_become_older_before_ten_thousand_are_recent(bench: Bench) -> None:
    bench.ask("SADD", bench.keys["recent"], *range(9_998))
    bench.ask("HSET", bench.keys["counters"], "enqueued", 999, "completed", 999)
    bench.complete(bench.start("last"))
    assert {"recent", "older"} & bench.snapshot().keys() == {"recent"}


@on_servers
def test_the_same_id_is_another_job_in_another_queue(bench: Bench) -> None:
    other = Bench(bench.app, "other")
    assert (bench.put("a"), other.put("a")) == ([True], [True])
    assert bench.app.reader.queues() == ["other", "q"]


@on_servers
def test_a_queue_is_listed_from_its_first_job_on(bench: Bench) -> None:
    bench.put("a")
    assert bench.app.reader.queues() == ["q"]


@on_servers
def test_a_job_enqueued_after_the_server_was_emptied_is_in_a_queue_that_is_listed(bench: Bench) -> None:
    bench.put("a")
    bench.ask("DEL", f"{bench.app.settings.namespace}:queues")
    bench.ask("DEL", *bench.ask("KEYS", f"{bench.app.settings.namespace}:{{q}}:*"))
    bench.put("b")
    assert bench.app.reader.queues() == ["q"]


@on_servers
def test_any_bytes_can_be_a_body(bench: Bench) -> None:
    bench.put("a")
    bench.ask("HSET", bench.keys["bodies"], "a", bytes(range(256)))
    bench.open("s")
    assert bench.take().body == bytes(range(256))


@on_servers
def test_a_job_that_was_accepted_was_never_started(bench: Bench) -> None:
    bench.put("a")
    record = bench.record("a")
    assert (record.place, record.run, record.errors, record.header.seq) == (Place.PENDING, Run(), (), 1)


@on_servers
def test_a_fresh_job_that_has_run_before_its_reply_was_lost_is_not_accepted_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    topology, asked = bench.channel._topology, bench.channel._topology.exchange

    def lose_one(commands: Sequence[Command], **how: Any) -> list[Any]:
        replies = asked(commands, **how)
        if commands[0][0].startswith("EVAL") and not any(isinstance(reply, r.ResponseError) for reply in replies):
            monkeypatch.undo()
            bench.complete(bench.take())
            raise r.ConnectionError("the reply was lost")
        return replies

    bench.complete(bench.start("first"))
    monkeypatch.setattr(topology, "exchange", lose_one)
    monkeypatch.setattr(bench.channel, "_patience", 1.0)
    known = bench.store.push("q", NewJob("a", HEADER, BODY))
    assert (known, bench.counts()) == ("a", {"enqueued": 2, "completed": 2})
