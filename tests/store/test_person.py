"""requeue, delete, cancel: on the word of a person, and only where the job is in the place for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from exqueue.model.lifecycle import Place
from exqueue.store.scripts import script
from tests.conftest import on_servers_and_cluster as on_servers
from tests.store.kit import ERROR, FAIL, Bench

ACT: dict[str, Callable[[Bench, Sequence[str]], int]] = {
    "requeue": lambda bench, ids: bench.store.requeue("q", ids),
    "delete": lambda bench, ids: bench.store.delete("q", ids),
    "cancel": lambda bench, ids: bench.store.cancel("q", ids),
}


def sent(bench: Bench, action: str, request: str, *ids: str) -> list[Any]:
    """The reply of a step that a person asks for under this name of the request."""
    loaded, given = script(action), {"request": request}
    return bench.channel.run(loaded, loaded.locate(bench.keys, given), loaded.arguments(given, ids))


@on_servers
def test_requeued_jobs_stand_at_the_end_of_the_line_as_they_were_named(bench: Bench) -> None:
    bench.fail("a", "b", "c")
    bench.put("d")
    assert bench.store.requeue("q", ["c", "a"]) == 2
    assert (bench.pending, bench.ids(Place.FAILED)) == (["d", "c", "a"], ["b"])
    assert bench.counts() == {"pending": 3, "failed": 1, "enqueued": 4}


@on_servers
def test_a_requeued_job_keeps_its_number_of_attempts_and_its_history_but_has_all_its_retries(bench: Bench) -> None:
    bench.fail("a")
    bench.ask("HSET", bench.keys["runs"], "a", "7 6 2 1 -")
    bench.store.requeue("q", ["a"])
    assert (bench.spent("a"), bench.record("a").errors) == ((7, 0, 0), (ERROR,))


@on_servers
def test_a_requeued_job_goes_back_to_its_new_place_when_it_is_recovered(bench: Bench) -> None:
    bench.fail("a")
    bench.put("b", "c")
    bench.store.requeue("q", ["a"])
    bench.open("s", "t", "u")
    claims = {slot: bench.take(slot) for slot in "stu"}
    for slot in "ust":
        bench.recover(slot, claims[slot])
    assert bench.pending == ["b", "c", "a"]


@on_servers
def test_a_deleted_job_leaves_nothing_but_its_id(bench: Bench) -> None:
    bench.fail("a")
    assert bench.store.delete("q", ["a"]) == 1
    left = bench.snapshot()
    assert (left["recent"], sorted(left)) == ([b"a"], ["beats", "counters", "recent", "settled", "slots"])
    assert bench.counts() == {"enqueued": 1, "deleted": 1}


@on_servers
def test_cancelling_removes_what_has_not_begun(bench: Bench) -> None:
    bench.put("a", "b")
    bench.put("c", "d", delay_ms=60_000)
    assert bench.store.cancel("q", ["b", "c"]) == 2
    assert (bench.pending, bench.ids(Place.DELAYED)) == (["a"], ["d"])
    assert bench.counts() == {"pending": 1, "delayed": 1, "enqueued": 4, "deleted": 2}


@on_servers
def test_a_cancelled_retry_leaves_nothing_of_its_attempts(bench: Bench) -> None:
    bench.fail("a")
    bench.store.requeue("q", ["a"])
    bench.store.cancel("q", ["a"])
    assert sorted(bench.snapshot()) == ["beats", "counters", "recent", "settled", "slots"]


@on_servers
@pytest.mark.parametrize(
    ("action", "done"),
    [("requeue", ["failed"]), ("delete", ["failed"]), ("cancel", ["pending", "delayed"])],
)
def test_only_jobs_in_the_place_for_it_are_touched(bench: Bench, action: str, done: list[str]) -> None:
    bench.fail("failed")
    bench.put("held")
    bench.open("s")
    bench.take()
    bench.put("pending")
    bench.put("delayed", delay_ms=60_000)
    others = [name for name in ("held", "failed", "pending", "delayed", "unknown") if name not in done]
    before = bench.snapshot()
    assert (ACT[action](bench, others), bench.snapshot()) == (0, before)
    assert ACT[action](bench, [*others, *done]) == len(done)


@on_servers
@pytest.mark.parametrize("action", ACT)
def test_more_than_a_hundred_at_once_are_all_done(bench: Bench, action: str) -> None:
    ids = [f"j{n}" for n in range(230)]
    bench.put(*ids)
    if action != "cancel":
        bench.open("s")
        for _ in ids:
            bench.apply(bench.take(), FAIL)
    after = {"requeue": {"pending": 230}, "delete": {"deleted": 230}, "cancel": {"deleted": 230}}[action]
    assert (ACT[action](bench, ids), bench.counts()) == (230, {"enqueued": 230, **after})


@on_servers
@pytest.mark.parametrize("action", ACT)
def test_nothing_is_done_for_no_ids(bench: Bench, action: str) -> None:
    bench.put("a")
    before = bench.snapshot()
    assert (ACT[action](bench, []), bench.snapshot()) == (0, before)


@on_servers
@pytest.mark.parametrize("action", ACT)
def test_a_request_sent_again_is_answered_as_before_and_not_done_again(bench: Bench, action: str) -> None:
    bench.fail("a", "b")
    bench.put("c", "d")
    ids = ("c", "x", "d", "a", "b")
    first, after = sent(bench, action, "request-1", *ids), bench.snapshot()
    assert (sent(bench, action, "request-1", *ids), bench.snapshot()) == (first, after)
    assert sent(bench, action, "request-10", *ids)[1] == 0


@on_servers
def test_a_skip_sent_again_is_answered_as_before_and_not_done_again(bench: Bench) -> None:
    bench.fail("a", key="a")
    bench.put("a2", key="a")
    bench.put("b", key="b")
    first, after = sent(bench, "skip", "request-1", "a", "b"), bench.snapshot()
    assert (first, sent(bench, "skip", "request-1", "a", "b"), bench.snapshot()) == ([b"skipped", 1, 1], first, after)


@on_servers
@pytest.mark.parametrize(("action", "word"), [("requeue", b"requeued"), ("delete", b"deleted"), ("cancel", b"cancelled")])
def test_it_is_said_at_which_places_of_the_request_nothing_could_be_done(bench: Bench, action: str, word: bytes) -> None:
    bench.fail("a")
    bench.put("b")
    names = {"requeue": ("b", "x", "a"), "delete": ("b", "x", "a"), "cancel": ("a", "x", "b")}[action]
    assert sent(bench, action, "request-1", *names) == [word, 1, 0, 1]


@on_servers
@pytest.mark.parametrize("action", ACT)
def test_an_id_named_twice_counts_once(bench: Bench, action: str) -> None:
    bench.fail("a")
    bench.put("b")
    job_id = "b" if action == "cancel" else "a"
    assert ACT[action](bench, [job_id, job_id]) == 1


@on_servers
def test_an_id_that_somebody_else_put_into_the_line_can_be_cancelled(bench: Bench) -> None:
    bench.put("a")
    bench.ask("RPUSH", bench.keys["pending"], b"\xff\xfe")
    assert bench.store.cancel("q", ["\udcff\udcfe"]) == 1
    assert (bench.pending, bench.counts()) == (["a"], {"pending": 1, "enqueued": 1})
