"""Lists of jobs: read page by page, narrowed by filters, acted upon all at once."""

from __future__ import annotations

from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from exqueue.model.options import call
from tests.client.conftest import Fails
from tests.client.workers import Add, Send
from tests.conftest import on_servers


@pytest.fixture
def failed(app: Exqueue, fails: Fails) -> list[Job]:
    """Three failed jobs of two queues: a1 and a2 with ValueError: no, m1 with ValueError: mailbox full."""
    jobs = [app.enqueue(Add.options(id=f"a{n}"), n) for n in (1, 2)]
    jobs.append(app.enqueue(Send.options(id="m1"), "someone"))
    fails("Add")
    fails("mail", "mailbox full")
    return jobs


def ids(jobs: Any) -> list[str]:
    return [job.id for job in jobs]


@on_servers
def test_a_list_goes_through_all_queues(app: Exqueue, failed: list[Job]) -> None:
    assert (ids(app.failed()), len(app.failed()), bool(app.failed())) == (["a1", "a2", "m1"], 3, True)


@on_servers
def test_a_list_may_be_of_one_worker(app: Exqueue, failed: list[Job]) -> None:
    assert (ids(app.failed(Send)), ids(app.failed("Add")), ids(app.queue(Add).failed())) == (["m1"], ["a1", "a2"], ["a1", "a2"])


@on_servers
def test_an_empty_list_is_false(app: Exqueue) -> None:
    assert (bool(app.failed()), len(app.failed()), ids(app.failed(Add)), repr(app.failed())) == (False, 0, [], "0 failed job(s)")


@on_servers
@pytest.mark.parametrize(
    ("narrow", "left"),
    [
        ({"worker": "Send"}, ["m1"]),
        ({"worker": "tests.client.workers:Add"}, ["a1", "a2"]),
        ({"worker": "Nobody"}, []),
        ({"error": "mailbox"}, ["m1"]),
        ({"error": "ValueError: no"}, ["a1", "a2"]),
        ({"error": "KeyError"}, []),
        ({"ids": ["a2", "m1"]}, ["a2", "m1"]),
        ({"ids": ["a"]}, ["a1", "a2"]),
        ({"since": 0}, ["a1", "a2", "m1"]),
        ({"since": 10**10}, []),
        ({"worker": "Add", "ids": ["a1", "m1"]}, ["a1"]),
        ({}, ["a1", "a2", "m1"]),
    ],
    ids=str,
)
def test_a_filter_leaves_those_that_are_meant(app: Exqueue, failed: list[Job], narrow: dict[str, Any], left: list[str]) -> None:
    jobs = app.failed().filter(**narrow)
    assert (ids(jobs), len(jobs), bool(jobs)) == (left, len(left), bool(left))


def test_no_ids_mean_no_jobs(app: Exqueue, failed: list[Job]) -> None:
    assert (ids(app.failed().filter(ids=[])), app.failed().filter(ids=[]).delete(), len(app.failed())) == ([], 0, 3)


def test_an_empty_beginning_means_no_job(app: Exqueue, failed: list[Job]) -> None:
    assert ids(app.failed().filter(ids=[""])) == []


@pytest.mark.parametrize(("first", "second"), [({"ids": ["a1"]}, {"ids": ["a2"]}), ({"error": "mailbox"}, {"error": "no"})], ids=str)
def test_a_filter_of_a_filter_only_narrows(app: Exqueue, failed: list[Job], first: dict[str, Any], second: dict[str, Any]) -> None:
    assert ids(app.failed().filter(**first).filter(**second)) == []


@on_servers
def test_a_filter_leaves_the_list_it_was_made_from(app: Exqueue, failed: list[Job]) -> None:
    jobs = app.failed()
    jobs.filter(worker="Send")
    assert ids(jobs) == ["a1", "a2", "m1"]


@on_servers
@pytest.mark.parametrize(("index", "found"), [(0, "a1"), (1, "a2"), (2, "m1"), (-1, "m1"), (-3, "a1")])
def test_an_index_counts_through_all_queues(app: Exqueue, failed: list[Job], index: int, found: str) -> None:
    assert app.failed()[index].id == found


@on_servers
@pytest.mark.parametrize("index", [3, -4])
def test_an_index_beyond_the_end_is_refused(app: Exqueue, failed: list[Job], index: int) -> None:
    with pytest.raises(IndexError, match="there are only 3 such jobs"):
        app.failed()[index]


@pytest.mark.parametrize("part", [slice(0, 2), slice(1, None), slice(None, -1), slice(None), slice(None, None, 2), slice(5, 9)], ids=str)
def test_a_slice_is_a_list_of_those_jobs(app: Exqueue, failed: list[Job], part: slice) -> None:
    assert ids(app.failed()[part]) == ["a1", "a2", "m1"][part]


@on_servers
def test_all_of_a_list_are_requeued_in_its_order(app: Exqueue, failed: list[Job]) -> None:
    assert (app.failed().requeue(), len(app.failed()), ids(app.jobs(Place.PENDING))) == (3, 0, ["a1", "a2", "m1"])


@on_servers
def test_all_of_a_list_are_deleted(app: Exqueue, failed: list[Job]) -> None:
    assert (app.failed().filter(worker="Add").delete(), ids(app.failed()), app.queue(Add).counts()) == (
        2,
        ["m1"],
        Counts(enqueued=2, deleted=2),
    )


@on_servers
def test_all_that_have_not_begun_are_cancelled(app: Exqueue) -> None:
    app.enqueue_many(Add, [call(1), call(2)])
    app.enqueue(Send.options(delay=60), 1)
    places = (Place.PENDING, Place.DELAYED, Place.PROCESSING, Place.FAILED)
    assert [app.jobs(place).cancel() for place in places] == [2, 1, 0, 0]
    assert [queue.counts() for queue in app.queues()] == [Counts(enqueued=2, deleted=2), Counts(enqueued=1, deleted=1)]


@on_servers
@pytest.mark.parametrize("place", [Place.PENDING, Place.DELAYED, Place.PROCESSING])
def test_what_is_not_failed_is_neither_requeued_nor_deleted(app: Exqueue, place: Place) -> None:
    app.enqueue(Add, 1)
    app.enqueue(Add.options(delay=60), 2)
    before = app.queue(Add).counts()
    assert (app.jobs(place).requeue(), app.jobs(place).delete(), app.queue(Add).counts()) == (0, 0, before)


@on_servers
def test_a_long_list_is_read_page_by_page(app: Exqueue, fails: Fails) -> None:
    jobs = app.enqueue_many(Add, [call(n) for n in range(450)])
    fails()
    assert ([*app.failed()], app.failed()[449], len(app.failed().filter(error="no"))) == (jobs, jobs[-1], 450)
    assert (app.failed().delete(), app.queue(Add).counts()) == (450, Counts(enqueued=450, deleted=450))


def test_to_act_on_all_jobs_of_a_place_none_is_read(app: Exqueue, failed: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("exqueue.store.reads.Reader.records")
    assert app.failed().requeue() == 3


def test_a_long_list_is_acted_upon_while_it_is_read(app: Exqueue, fails: Fails) -> None:
    jobs = app.enqueue_many(Add, [call(n) for n in range(450)])
    fails()
    acting = app.failed().act(app.store.requeue, 350)
    assert (next(acting), len(app.failed()), [*acting], ids(app.failed())) == (100, 350, [100, 100, 50], ids(jobs[350:]))


def test_a_limit_holds_over_all_queues(app: Exqueue, failed: list[Job]) -> None:
    assert ([*app.failed().act(app.store.delete, 2)], [*app.failed().act(app.store.delete, 0)], ids(app.failed())) == ([2], [], ["m1"])


@on_servers
def test_a_list_is_read_anew_each_time(app: Exqueue) -> None:
    jobs = app.jobs(Place.PENDING, Add)
    assert ids(jobs) == []
    app.enqueue(Add.options(id="a1"), 1)
    assert ids(jobs) == ["a1"]


@on_servers
def test_a_list_shows_of_each_job_what_was_seen_of_it(app: Exqueue, failed: list[Job]) -> None:
    seen = app.failed()[2].seen
    assert (seen.header.args, [error.message for error in seen.errors], seen.place) == ("'someone'", ["mailbox full"], Place.FAILED)


@on_servers
def test_a_list_of_retries_can_be_filtered_by_error(app: Exqueue, fails: Fails) -> None:
    app.enqueue(Add.options(id="a1"), 1)
    fails(retry=True)
    app.enqueue(Add.options(id="a2", delay=60), 1)
    assert ids(app.jobs(Place.DELAYED).filter(error="no")) == ["a1"]


@on_servers
def test_a_list_shows_its_first_five_jobs(app: Exqueue) -> None:
    app.enqueue_many(Add, [call(n) for n in range(7)])
    head, *rows, more = repr(app.jobs(Place.PENDING)).splitlines()
    assert (head, len(rows), rows[0].endswith("of Add, pending: (0)>"), more) == ("7 pending job(s)", 5, True, "… and 2 more")


def test_a_queue_shows_its_counts(app: Exqueue, failed: list[Job]) -> None:
    assert repr(app.queue(Add)) == f"<Queue Add: {Counts(failed=2, enqueued=2)}>"
