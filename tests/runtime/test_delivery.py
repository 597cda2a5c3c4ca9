"""What follows a job is enqueued once, whoever dies on the way, and nothing that cannot be read stops the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.model.chain import Link, NewJob, encode_chain
from exqueue.model.errors import StoreCorrupt, StoreUnavailable
from exqueue.model.job import Claim, Counts, Header
from exqueue.model.lifecycle import Place
from exqueue.model.options import Follower
from exqueue.runtime.delivery import deliver
from tests.client.workers import Add, Send
from tests.conftest import on_servers

SEND = Send.options(id="mail-1", key="k", priority=3).call("someone")
HEADER = Header("app:Add").encode()


def succeed(app: Exqueue, job: Job) -> None:
    """Let the next job of its queue, which must be this one, succeed."""
    app.store.register(job.queue, "s", "{}", "r")
    claim = app.store.claim(job.queue, "s", f"s/{job.id}")
    assert isinstance(claim, Claim)
    assert claim.id == job.id
    app.store.complete(claim, "s", "")


@pytest.fixture
def succeeded(app: Exqueue) -> Callable[..., Job]:
    """Enqueues a job that these follow, and lets it succeed."""

    def run(*then: Follower) -> Job:
        job = app.enqueue(Add.options(then=then), 1)
        succeed(app, job)
        return job

    return run


def line(app: Exqueue, queue: str = "mail") -> list[str]:
    return [job.id for job in app.jobs(Place.PENDING, queue)]


@on_servers
def test_what_follows_a_job_is_enqueued_as_it_was_asked_for(app: Exqueue, succeeded: Callable[..., Job]) -> None:
    succeeded(SEND)
    assert (line(app), deliver(app.store, app.reader, "Add"), app.reader.outbox("Add")) == ([], 1, {})
    record = app.job("mail-1").record()
    assert (record.queue, record.header.args, record.terms.key, record.terms.priority, record.terms.blocks) == (
        "mail", "'someone'", "k", 3, True,
    )  # fmt: skip


@on_servers
def test_asked_twice_it_is_one_job(app: Exqueue, succeeded: Callable[..., Job]) -> None:
    succeeded(SEND)
    assert [deliver(app.store, app.reader, "Add") for _ in range(2)] == [1, 0]
    assert app.queue("mail").counts() == Counts(pending=1, enqueued=1)


@on_servers
@pytest.mark.parametrize("run_meanwhile", [False, True])
def test_killed_before_it_is_struck_off_it_is_one_job(
    app: Exqueue, succeeded: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, run_meanwhile: bool
) -> None:
    succeeded(SEND)
    with monkeypatch.context() as patch:
        patch.setattr(app.store, "deliver", killed)
        with pytest.raises(StoreUnavailable):
            deliver(app.store, app.reader, "Add")
    if run_meanwhile:
        succeed(app, app.job("mail-1"))
    assert (deliver(app.store, app.reader, "Add"), app.queue("mail").counts().enqueued, app.reader.outbox("Add")) == (1, 1, {})


@on_servers
def test_killed_between_two_of_them_the_first_is_one_job_and_the_second_comes_later(
    app: Exqueue, succeeded: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    succeeded(SEND, Add.options(id="add-1").call(2))
    enqueue = app.store.enqueue
    with monkeypatch.context() as patch:
        patch.setattr(app.store, "enqueue", lambda queue, jobs, due: enqueue(queue, jobs, due) if queue == "mail" else killed())
        with pytest.raises(StoreUnavailable):
            deliver(app.store, app.reader, "Add")
    assert (line(app), line(app, "Add")) == (["mail-1"], [])
    deliver(app.store, app.reader, "Add")
    assert (line(app), line(app, "Add"), app.queue("mail").counts().enqueued) == (["mail-1"], ["add-1"], 1)


@on_servers
def test_ids_made_for_what_follows_stay_the_same_however_often_it_is_delivered(
    app: Exqueue, succeeded: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    succeeded(Send.options().call(1), Send.options().call(2))
    with monkeypatch.context() as patch:
        patch.setattr(app.store, "deliver", killed)
        with pytest.raises(StoreUnavailable):
            deliver(app.store, app.reader, "Add")
    first = line(app)
    deliver(app.store, app.reader, "Add")
    assert (len(first), line(app), app.queue("mail").counts().enqueued) == (2, first, 2)


@on_servers
def test_a_chain_goes_on_step_by_step(app: Exqueue, succeeded: Callable[..., Job]) -> None:
    succeeded(Send.options(id="second", then=[Add.options(id="third").call(3)]).call(2))
    deliver(app.store, app.reader, "Add")
    assert (line(app), line(app, "Add")) == (["second"], [])
    succeed(app, app.job("second"))
    assert (deliver(app.store, app.reader, "mail"), line(app, "Add")) == (1, ["third"])


@on_servers
def test_what_is_to_follow_later_is_delayed_from_its_delivery_on(app: Exqueue, succeeded: Callable[..., Job]) -> None:
    succeeded(Send.options(id="later", delay=60).call(1))
    deliver(app.store, app.reader, "Add")
    seconds, _ = app.channel.ask([("TIME",)])[0]
    assert 50_000 < app.job("later").record().when - int(seconds) * 1000 <= 61_000


@on_servers
def test_a_name_that_is_taken_is_not_enqueued_a_second_time_and_is_struck_off(app: Exqueue, succeeded: Callable[..., Job]) -> None:
    app.enqueue(Send.options(id="first", unique="u"), 1)
    succeeded(Send.options(unique="u").call(1))
    assert (deliver(app.store, app.reader, "Add"), line(app), app.reader.outbox("Add")) == (1, ["first"], {})


def rows(**changed: Any) -> bytes:
    """A chain with one link that is not right."""
    row = {"queue": "mail", "due": "", "id": "x", "head": HEADER.decode(), "body": "", "terms": "", "chain": ""} | changed
    return json.dumps([list(row.values())]).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"\xff", b"7", b"[1]", b"[[]]", b'[["mail"]]', b"[" * 3_000, b"null", rows(queue=None), rows(queue="\ud800"),
        rows(due=5), rows(id=["x"]), rows(id="\ud800"), rows(head={}), rows(body="a"), rows(body="é"), rows(terms=7), rows(terms="\ud800"),
        rows(chain="a"), rows(more="x"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_stays_and_holds_up_nothing(app: Exqueue, succeeded: Callable[..., Job], raw: bytes) -> None:
    app.channel.ask([("HSET", app.store.keys("Add")["outbox"], "bad\x1b[2J", raw)])
    succeeded(SEND)
    with pytest.raises(StoreCorrupt, match=r"^what follows job bad\\x1b\[2J of Add cannot be read: .*somebody else wrote"):
        deliver(app.store, app.reader, "Add")
    assert (line(app), app.queues()[0].name, len(app.queues()), app.reader.outbox("Add")) == (["mail-1"], "Add", 2, {"bad\x1b[2J": raw})


@on_servers
def test_a_queue_that_cannot_take_what_follows_holds_up_no_other(app: Exqueue, succeeded: Callable[..., Job]) -> None:
    app.channel.ask([("SET", app.store.keys("mail")["bodies"], "foreign")])
    succeeded(SEND)
    succeeded(Add.options(queue="other", id="add-1").call(1))
    with pytest.raises(StoreCorrupt, match="bodies is a string"):
        deliver(app.store, app.reader, "Add")
    assert (line(app, "other"), len(app.reader.outbox("Add"))) == (["add-1"], 1)
    app.channel.ask([("DEL", app.store.keys("mail")["bodies"])])
    assert (deliver(app.store, app.reader, "Add"), line(app)) == (1, ["mail-1"])


def test_terms_that_are_none_make_a_plain_job(app: Exqueue) -> None:
    raw = encode_chain([Link("mail", "x", NewJob("a", HEADER, b"", "no terms"))])
    app.channel.ask([("HSET", app.store.keys("Add")["outbox"], "z", raw)])
    assert (deliver(app.store, app.reader, "Add"), line(app), app.job("a").record().terms.key) == (1, ["a"], "")
    app.job("a").cancel()


def killed(*_: object) -> None:
    raise StoreUnavailable("killed")
