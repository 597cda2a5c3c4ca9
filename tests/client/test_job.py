"""One job in the hands of a person."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.model.errors import ConfigError, JobNotFound, NotPossible
from exqueue.model.job import Claim, Counts
from exqueue.model.lifecycle import Place
from tests.client.conftest import Fails
from tests.client.workers import Add, Send
from tests.conftest import on_servers

Starts = Callable[[Job], Claim]


@on_servers
def test_a_failed_job_runs_again_when_it_is_requeued(app: Exqueue, fails: Fails) -> None:
    job = app.enqueue(Add, 1)
    fails()
    job.requeue()
    assert (job.state(), app.queue(Add).counts()) == (Place.PENDING, Counts(pending=1, enqueued=1))


@on_servers
def test_a_failed_job_is_gone_when_it_is_deleted(app: Exqueue, fails: Fails) -> None:
    job = app.enqueue(Add, 1)
    fails()
    job.delete()
    assert (job.state(), app.queue(Add).counts()) == (Place.NONE, Counts(enqueued=1, deleted=1))


@on_servers
@pytest.mark.parametrize("delay", [0, 60])
def test_a_job_that_has_not_begun_is_gone_when_it_is_cancelled(app: Exqueue, delay: float) -> None:
    job = app.enqueue(Add.options(delay=delay), 1)
    job.cancel()
    assert (job.state(), app.queue(Add).counts()) == (Place.NONE, Counts(enqueued=1, deleted=1))


@on_servers
@pytest.mark.parametrize(
    ("place", "action", "message"),
    [
        ("pending", "requeue", "it is pending; it will run by itself; cancel removes it"),
        ("pending", "delete", "it is pending; it will run by itself; cancel removes it"),
        ("delayed", "requeue", "it is delayed; it will run by itself when it is due; cancel removes it"),
        ("delayed", "delete", "it is delayed; it will run by itself when it is due; cancel removes it"),
        ("processing", "requeue", "it is processing; wait until it has ended, or stop it with cancel(running=True)"),
        ("processing", "delete", "it is processing; wait until it has ended, or stop it with cancel(running=True)"),
        ("processing", "cancel", "it is processing; wait until it has ended, or stop it with cancel(running=True)"),
        ("failed", "cancel", "it is failed; requeue runs it again, delete removes it"),
        ("none", "requeue", "it is gone; it has succeeded or was deleted"),
        ("none", "delete", "it is gone; it has succeeded or was deleted"),
        ("none", "cancel", "it is gone; it has succeeded or was deleted"),
    ],
)
def test_what_cannot_be_done_says_where_the_job_is_and_what_can(
    app: Exqueue, fails: Fails, starts: Starts, place: str, action: str, message: str
) -> None:
    job = app.enqueue(Add.options(id="x", delay=60 if place == "delayed" else 0), 1)
    arrive: dict[str, Callable[[], object]] = {"processing": lambda: starts(job), "failed": fails, "none": job.cancel}
    arrive.get(place, bool)()
    with pytest.raises(NotPossible) as caught:
        getattr(job, action)()
    assert (str(caught.value), caught.value.action) == (f"cannot {action} job x: {message}", action)
    assert job.state() == place


@on_servers
def test_a_job_tells_its_errors_oldest_first(app: Exqueue, fails: Fails) -> None:
    job = app.enqueue(Add, 1)
    fails(message="first")
    job.requeue()
    fails(message="second")
    assert [(error.attempt, error.message) for error in job.errors] == [(1, "first"), (2, "second")]


@on_servers
@pytest.mark.parametrize("delay", [0, 60])
def test_a_job_that_has_not_begun_is_gone_also_if_it_might_have_been_stopped(app: Exqueue, delay: float) -> None:
    job = app.enqueue(Add.options(delay=delay), 1)
    job.cancel(running=True)
    assert (job.state(), app.reader.stops(job.queue)) == (Place.NONE, {})


@on_servers
def test_a_job_that_runs_is_asked_to_stop_and_runs_on(app: Exqueue, starts: Starts) -> None:
    job = app.enqueue(Add, 1)
    token = starts(job).token
    job.cancel(running=True)
    assert (job.state(), app.reader.stops(job.queue)) == (Place.PROCESSING, {job.id: token})


@on_servers
def test_a_failed_job_can_be_neither_cancelled_nor_stopped(app: Exqueue, fails: Fails) -> None:
    job = app.enqueue(Add, 1)
    fails()
    with pytest.raises(NotPossible, match="it is failed; requeue runs it again, delete removes it"):
        job.cancel(running=True)


@on_servers
def test_a_job_that_is_gone_has_no_record(app: Exqueue) -> None:
    job = app.enqueue(Add.options(id="x"), 1)
    job.cancel()
    with pytest.raises(JobNotFound, match="no job 'x': it has succeeded, was deleted, or never existed"):
        job.record()


@on_servers
def test_a_job_is_found_by_its_id_in_any_queue(app: Exqueue) -> None:
    jobs = [app.enqueue(Add, 1), app.enqueue(Send, 2), app.enqueue(Send.options(id="inv-1"), 3)]
    assert [app.job(job.id) for job in jobs] == jobs


@on_servers
def test_a_job_is_found_by_a_beginning_that_fits_no_other(app: Exqueue) -> None:
    first, second = app.enqueue(Add.options(id="inv-12"), 1), app.enqueue(Send.options(id="inv-2"), 1)
    assert (app.job("inv-1"), app.job("inv-2")) == (first, second)


@on_servers
def test_a_whole_id_is_meant_before_it_is_a_beginning(app: Exqueue) -> None:
    first = app.enqueue(Add.options(id="inv-1"), 1)
    app.enqueue(Add.options(id="inv-12"), 1)
    assert app.job("inv-1") == first


@on_servers
def test_a_beginning_that_fits_several_is_refused(app: Exqueue) -> None:
    app.enqueue(Add.options(id="inv-1"), 1)
    app.enqueue(Send.options(id="inv-2"), 1)
    with pytest.raises(ConfigError, match="2 jobs begin with 'inv-'; give more of the id"):
        app.job("inv-")


@on_servers
@pytest.mark.parametrize("job_id", ["inv-3", "", "*", "inv-1x", "\x00", "\udcff"], ids=repr)
def test_an_id_that_fits_no_job_is_not_found(app: Exqueue, job_id: str) -> None:
    app.enqueue(Add.options(id="inv-1"), 1)
    with pytest.raises(JobNotFound):
        app.job(job_id)


def test_an_id_that_is_no_text_is_not_found(app: Exqueue) -> None:
    app.enqueue(Add.options(id="inv-1"), 1)
    with pytest.raises(JobNotFound):
        app.job("\ud800")


def test_jobs_are_equal_when_they_are_the_same_job(app: Exqueue) -> None:
    job, other = app.enqueue(Add.options(id="x"), 1), app.enqueue(Send.options(id="x"), 1)
    assert ({job, app.job("x")}, job == other, job == "x") == ({job}, False, False)


def test_a_job_shows_its_id_its_queue_and_what_was_seen_of_it(app: Exqueue) -> None:
    job = app.enqueue(Add.options(id="x"), 1, b=2)
    assert (repr(job), repr(app.job("x"))) == ("<Job x of Add>", "<Job x of Add, pending: (1, b=2)>")
