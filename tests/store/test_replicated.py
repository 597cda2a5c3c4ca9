"""`durability = "replicated"`: a job is accepted when replicas have it, too; else the caller learns its id, and asks again."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import EnqueueUnknown, StoreError
from exqueue.model.options import call
from exqueue.model.settings import Settings
from exqueue.runtime.delivery import deliver
from exqueue.store.channel import Channel
from exqueue.store.connection import Connection, connector
from exqueue.store.topology import Single
from tests.client.workers import Add
from tests.store.constellation import Node, replicated
from tests.store.kit import Bench

KINDS = ["redis", "valkey"]


@pytest.fixture(params=KINDS, scope="module")
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Node, Node]]:
    """A master and its replica."""
    with replicated(request.param) as (master, replica):
        yield master, replica


@dataclass
class Counted:
    """Connections that note what is sent at once."""

    url: str
    sent: list[list[str]] = field(default_factory=list)

    def __call__(self) -> Connection:
        made: Any = connector(self.url, 5)()
        pack = made.pack_commands

        def note(commands: Sequence[tuple[Any, ...]]) -> Any:
            self.sent.append([command[0] for command in commands])
            return pack(commands)

        made.pack_commands = note
        found: Connection = made
        return found


@pytest.fixture
def counted(pair: tuple[Node, Node]) -> Counted:
    return Counted(f"redis://127.0.0.1:{pair[0].port}")


@pytest.fixture
def app(counted: Counted, pair: tuple[Node, Node]) -> Iterator[Exqueue]:
    pair[0].ask("FLUSHALL")
    settings = Settings(namespace="ns", durability="replicated")
    app = Exqueue(settings=settings, channel=Channel(counted, where="test", patience=0.4))
    app.enqueue(Add, 0)
    counted.sent.clear()
    yield app
    pair[1].signal(signal.SIGCONT)
    app.close()


@pytest.fixture
def frozen(app: Exqueue, pair: tuple[Node, Node]) -> Node:
    """The replica, which is frozen."""
    pair[1].signal(signal.SIGSTOP)
    return pair[1]


def test_a_job_and_the_wait_for_its_replica_are_one_round_trip(app: Exqueue, counted: Counted) -> None:
    app.enqueue(Add, 1)
    assert counted.sent == [["EVALSHA", "HINCRBY", "WAIT"]]


def test_without_it_a_job_is_one_command(app: Exqueue, counted: Counted) -> None:
    local = Exqueue(settings=Settings(namespace="ns"), channel=Channel(counted, where="test", patience=0))
    local.enqueue(Add, 1)
    counted.sent.clear()
    local.enqueue(Add, 1)
    local.close()
    assert counted.sent == [["EVALSHA"]]


def test_a_hundred_jobs_wait_once(app: Exqueue, counted: Counted) -> None:
    app.enqueue_many(Add, [call(n) for n in range(100)])
    assert counted.sent == [["EVALSHA", "HINCRBY", "WAIT"]]


def test_what_is_accepted_is_on_the_replica(app: Exqueue, pair: tuple[Node, Node]) -> None:
    job = app.enqueue(Add, 1)
    assert pair[1].ask("HEXISTS", app.store.keys(job.queue)["jobs"], job.id) == 1


@pytest.mark.usefixtures("frozen")
def test_a_job_that_no_replica_confirms_is_there_once_and_its_id_is_told(app: Exqueue) -> None:
    with pytest.raises(EnqueueUnknown, match="0 of 1 replicas have confirmed it") as caught:
        app.enqueue(Add, 1)
    ids = {*app.reader.ids("Add")}
    assert (len(caught.value.ids), caught.value.ids[0] in ids, len(ids)) == (1, True, 2)
    assert (caught.value.uncertain, caught.value.confirmed, caught.value.wanted) == (True, 0, 1)


def test_enqueued_again_with_its_id_it_is_one_job_and_waited_for_again(app: Exqueue, frozen: Node) -> None:
    with pytest.raises(EnqueueUnknown) as caught:
        app.enqueue(Add, 1)
    again = Add.options(id=caught.value.ids[0])
    with pytest.raises(EnqueueUnknown):  # it is known, and still on no replica
        app.enqueue(again, 1)
    frozen.signal(signal.SIGCONT)
    job = app.enqueue(again, 1)
    assert (job.id, frozen.ask("HEXISTS", app.store.keys("Add")["jobs"], job.id), len({*app.reader.ids("Add")})) == (job.id, 1, 2)


@pytest.mark.usefixtures("frozen")
def test_of_many_jobs_all_that_are_not_confirmed_are_told(app: Exqueue) -> None:
    with pytest.raises(EnqueueUnknown, match="120 jobs, from ") as caught:
        app.enqueue_many(Add, [call(n) for n in range(120)])
    assert (len(caught.value.ids), {*caught.value.ids[:100]} < {*app.reader.ids("Add")}) == (120, True)


def test_more_replicas_than_there_are_never_confirm(app: Exqueue) -> None:
    greedy = Exqueue(settings=Settings(namespace="ns", durability="replicated", replicas=2), channel=app.channel)
    with pytest.raises(EnqueueUnknown, match="1 of 2 replicas have confirmed it"):
        greedy.enqueue(Add, 1)


class Thawing(Single):
    """A server whose replica is thawed when it has not confirmed the first time."""

    replica: Node

    def hang_up(self) -> None:
        self.replica.signal(signal.SIGCONT)
        super().hang_up()


def test_an_emptied_queue_is_announced_again_though_its_job_was_confirmed_only_at_the_second_try(
    app: Exqueue, counted: Counted, frozen: Node
) -> None:
    to = Thawing(counted)
    to.replica = frozen
    late = Exqueue(settings=app.settings, channel=Channel(to, where="test", patience=5))
    late.store._announced.add("Add")
    app.channel.ask([("FLUSHALL",)])
    late.enqueue(Add, 1)
    assert app.reader.queues() == ["Add"]


@pytest.mark.usefixtures("frozen")
def test_an_emptied_queue_is_announced_again_though_its_job_is_never_confirmed(app: Exqueue) -> None:
    app.channel.ask([("FLUSHALL",)])
    with pytest.raises(EnqueueUnknown):
        app.enqueue(Add, 1)
    assert app.reader.queues() == ["Add"]


def test_what_follows_a_job_stays_in_the_outbox_until_a_replica_has_it(app: Exqueue, pair: tuple[Node, Node]) -> None:
    bench = Bench(app, "other")
    app.enqueue(Add.options(queue="other", id="first", then=[Add.options(id="next").call(2)]), 1)
    bench.open("s")
    bench.complete(bench.take())
    pair[1].signal(signal.SIGSTOP)
    with pytest.raises(EnqueueUnknown):
        deliver(app.store, app.reader, "other")
    kept = list(app.reader.outbox("other"))
    pair[1].signal(signal.SIGCONT)
    assert (kept, deliver(app.store, app.reader, "other"), app.reader.outbox("other"), "next" in Bench(app, "Add").pending) == (
        ["first"], 1, {}, True,
    )  # fmt: skip


def test_a_lost_server_is_told_with_the_ids_that_were_to_be_written() -> None:
    app = Exqueue(settings=Settings(url="redis://127.0.0.1:1", durability="replicated", patience=0))
    app.store._announced.add("Add")
    with pytest.raises(StoreError) as caught:
        app.enqueue(Add.options(id="mine"), 1)
    assert getattr(caught.value, "ids", None) == ("mine",)
