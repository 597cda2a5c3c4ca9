"""Options of one enqueue, as they are found in the store; what makes no sense writes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.model.chain import Link, decode_chain
from exqueue.model.codec import decode
from exqueue.model.errors import BadArguments, ConfigError, EncodeError
from exqueue.model.job import SERIAL, Claim, Terms
from exqueue.model.lifecycle import Place
from exqueue.model.options import call
from tests.client.conftest import Fails
from tests.client.workers import Add, Send

Starts = Callable[[Job], Claim]


class InOrder(Add):
    serial = True


class Lenient(Add):
    queue = "Add"
    on_failure = "continue"


class Urgent(Add):
    queue = "Add"
    priority = 5
    keep_result = 60


def states(*jobs: Job) -> list[str]:
    return [job.state().value for job in jobs]


def ids(app: Exqueue, queue: str = "Add") -> list[str]:
    """The line, next first."""
    return [job.id for job in app.jobs(Place.PENDING, queue)]


def kept(app: Exqueue, job: Job) -> list[Link]:
    """What is to follow a job, as it is kept with it."""
    return decode_chain(app.channel.ask([("HGET", app.store.keys(job.queue)["chains"], job.id)])[0] or b"[]")


@pytest.mark.parametrize(
    ("options", "terms"),
    [
        (Add.options(), Terms()),
        (Add.options(key="k", priority=3, unique="u"), Terms("k", 3, blocks=True, unique="u")),
        (InOrder.options(priority=-1), Terms(SERIAL, -1, blocks=True)),
        (Urgent.options(), Terms(priority=5)),
        (Urgent.options(priority=0), Terms()),
    ],
    ids=str,
)
def test_what_is_agreed_is_kept_with_the_job(app: Exqueue, options: Any, terms: Terms) -> None:
    assert app.enqueue(options, 1).record().terms == terms


def test_jobs_of_one_key_wait_for_each_other_and_others_do_not(app: Exqueue) -> None:
    first, second = (app.enqueue(Add.options(key="a"), n) for n in (1, 2))
    assert states(first, second, app.enqueue(Add.options(key="b"), 3), app.enqueue(Add, 4)) == ["pending", "waiting", "pending", "pending"]


def test_jobs_of_a_serial_worker_wait_for_each_other(app: Exqueue) -> None:
    assert states(*app.enqueue_many(InOrder, [call(1), call(2), call(3)])) == ["pending", "waiting", "waiting"]


def test_a_failed_job_blocks_its_key(app: Exqueue, fails: Fails) -> None:
    jobs = app.enqueue_many(Add.options(key="a"), [call(1), call(2)])
    fails()
    assert (states(*jobs), app.queue(Add).counts().blocked) == (["failed", "waiting"], 1)


def test_a_failed_job_of_a_worker_that_continues_blocks_nothing(app: Exqueue, fails: Fails) -> None:
    jobs = app.enqueue_many(Lenient.options(key="a"), [call(1), call(2)])
    fails()
    assert (states(*jobs), app.queue(Add).counts().blocked) == (["failed", "failed"], 0)


def test_higher_priorities_stand_before_lower_ones(app: Exqueue) -> None:
    for job_id, priority in [("a", 0), ("b", 7), ("c", -7), ("d", 7)]:
        app.enqueue(Add.options(id=job_id, priority=priority), 1)
    app.enqueue(Urgent.options(id="e"), 1)
    assert ids(app) == ["b", "d", "e", "a", "c"]


@pytest.mark.parametrize("delay", [60, 60.0, timedelta(minutes=1)], ids=str)
def test_a_delay_begins_now(app: Exqueue, delay: Any) -> None:
    record = app.enqueue(Add.options(delay=delay), 1).record()
    assert (record.place, abs(record.when - record.header.at - 60_000) < 5_000) == (Place.DELAYED, True)


def test_a_moment_to_come_is_kept_to_the_millisecond(app: Exqueue) -> None:
    at = datetime.now(UTC).replace(microsecond=123_000) + timedelta(days=1)
    record = app.enqueue(Add.options(at=at), 1).record()
    assert (record.place, record.when) == (Place.DELAYED, round(at.timestamp() * 1000))


@pytest.mark.parametrize("when", [{"at": datetime(1999, 1, 1, tzinfo=UTC)}, {"delay": 0}, {"delay": timedelta(0)}], ids=str)
def test_what_is_due_already_stands_in_line_at_once(app: Exqueue, when: dict[str, Any]) -> None:
    assert app.enqueue(Add.options(**when), 1).state() is Place.PENDING


def test_a_unique_job_that_exists_is_given_back(app: Exqueue) -> None:
    first, second = app.enqueue(Add.options(unique="u"), 1), app.enqueue(Add.options(unique="u"), 2)
    assert (second, second.id, first.new, second.new, second.record().header.args) == (first, first.id, True, False, "1")


def test_a_unique_job_that_has_succeeded_is_another_one(app: Exqueue, starts: Starts) -> None:
    first = app.enqueue(Add.options(unique="u"), 1)
    app.store.complete(starts(first), "t", "")
    second = app.enqueue(Add.options(unique="u"), 2)
    assert (second.new, second == first, states(first, second)) == (True, False, ["none", "pending"])


def test_unique_jobs_of_an_id_of_their_own_are_told_apart_by_it(app: Exqueue) -> None:
    app.enqueue(Add.options(id="a", unique="u"), 1)
    again, other = app.enqueue(Add.options(id="a", unique="u"), 1), app.enqueue(Add.options(id="b", unique="u"), 1)
    assert ([again.id, other.id], again.new, other.new) == (["a", "a"], False, False)


def test_one_worker_may_go_to_several_queues(app: Exqueue, starts: Starts) -> None:
    jobs = [app.enqueue(Add.options(queue=queue, id="x"), 1) for queue in ("one", "two")]
    assert ([job.queue for job in jobs], [queue.name for queue in app.queues()]) == (["one", "two"], ["one", "two"])
    claim = starts(jobs[1])
    assert decode(claim.header, claim.body, {}) == (Add, call(1))


def test_a_queue_exists_once_its_first_job_does(app: Exqueue) -> None:
    Add.options(queue="later")
    assert app.queues() == []


@pytest.mark.parametrize(
    ("options", "timeout", "keep"),
    [
        (Add.options(), None, None), (Add.options(timeout=5), 5.0, None), (Add.options(keep_result=timedelta(hours=1)), None, 3600.0),
        (Urgent.options(), None, 60.0), (Urgent.options(keep_result=0), None, 0.0),
    ],
    ids=str,
)  # fmt: skip
def test_what_replaces_the_options_of_the_worker_is_kept_with_the_job(
    app: Exqueue, options: Any, timeout: float | None, keep: float | None
) -> None:
    header = app.enqueue(options, 1).record().header
    assert (header.timeout, header.keep) == (timeout, keep)


def test_an_expiry_is_counted_from_now_on_by_the_clock_of_the_server(app: Exqueue) -> None:
    expires = app.enqueue(Add.options(expires=60), 1).record().terms.expires
    seconds, _ = app.channel.ask([("TIME",)])[0]
    assert 58_000 < expires - int(seconds) * 1000 <= 61_000


def test_what_follows_is_kept_with_the_job_as_it_will_be_enqueued(app: Exqueue) -> None:
    job = app.enqueue(Add.options(then=[Send.options(id="s", key="k", delay=5).call("x"), Add.options(queue="other").call(2)]), 1)
    send, add = kept(app, job)
    assert (send.queue, send.due, send.job.id, send.job.terms) == ("mail", "+5000", "s", Terms("k", blocks=True).encode())
    assert (add.queue, add.due, add.job.terms, len(add.job.id), job.record().terms) == ("other", "", "", 24, Terms(chained=True))
    assert [queue.name for queue in app.queues()] == ["Add"]


def test_each_of_many_jobs_is_followed_by_a_job_of_its_own(app: Exqueue) -> None:
    jobs = app.enqueue_many(Add.options(then=[Send.options().call("x")]), [call(1), call(2)])
    assert len({kept(app, job)[0].job.id for job in jobs}) == 2


def test_what_follows_may_be_followed(app: Exqueue) -> None:
    job = app.enqueue(Add.options(then=[Add.options(then=[Send.options(id="last").call("x")]).call(2)]), 1)
    assert decode_chain(kept(app, job)[0].job.chain)[0].job.id == "last"


def test_a_job_that_is_known_already_keeps_what_follows_it(app: Exqueue) -> None:
    for follower in ("first", "second"):
        job = app.enqueue(Add.options(id="a", then=[Send.options(id=follower).call("x")]), 1)
    assert [link.job.id for link in kept(app, job)] == ["first"]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (InOrder.options(key="k"), ConfigError, "InOrder is serial"),
        (Add.options(key="a b"), ConfigError, "key 'a b' is not a name"),
        (Add.options(unique=""), ConfigError, "unique '' is not a name"),
        (Add.options(queue="a b"), ConfigError, "queue 'a b' is not a name"),
        (Add.options(priority=5000), ConfigError, "priority is 5000"),
        (Add.options(delay=5, at=datetime.now(UTC)), ConfigError, "delay and at are both given"),
        (Add.options(at=datetime(2027, 1, 1)), ConfigError, "it takes a datetime with a time zone"),  # noqa: DTZ001
        (Add.options(expires=0), ConfigError, "expires is 0"),
        (Add.options(timeout=-1), ConfigError, "timeout is -1"),
        (Add.options(keep_result="x"), ConfigError, "keep_result is 'x'"),  # type: ignore[arg-type]
        (Add.options(then=[Send]), ConfigError, r"then takes jobs, got .*; write then=\[SendMail\.options\(\)\.call\(\.\.\.\)\]"),  # type: ignore[list-item]
        (Add.options(then=[call(1)]), ConfigError, "then takes jobs"),  # type: ignore[list-item]
        (Add.options(then=[Send.options().call(1), Add.options().call()]), BadArguments, "missing a required argument: 'a'"),  # type: ignore[call-arg]
        (Add.options(then=[Send.options(priority=5000).call(1)]), ConfigError, "priority is 5000"),
        (Add.options(then=[Send.options().call(threading.Lock())]), EncodeError, "cannot pickle"),
    ],
)
def test_options_that_make_no_sense_write_nothing(app: Exqueue, options: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        app.enqueue(options, 1)
    assert app.queues() == []


@pytest.mark.parametrize(("name", "options"), [("id", Add.options(id="x")), ("unique", Add.options(unique="x"))])
def test_one_name_cannot_stand_for_many_jobs(app: Exqueue, name: str, options: Any) -> None:
    with pytest.raises(ConfigError, match=rf"one {name} \('x'\) cannot stand for 2 jobs; leave out {name}="):
        app.enqueue_many(options, [call(1), call(2)])
    assert app.queues() == []
