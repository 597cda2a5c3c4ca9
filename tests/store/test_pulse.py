"""Signs of life: a counter that moves while one looks, and a write that the server would take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.store.pulse import Pulse, refusal
from exqueue.store.roles import Role
from exqueue.store.unreadable import Unreadable
from tests.conftest import on_servers
from tests.store.kit import Bench
from tests.store.role_kit import as_role
from tests.store.servers import Server


@pytest.fixture
def own(server: Server) -> Iterator[Exqueue]:
    """An app on a server that may be filled and made a replica."""
    app = server.app()
    app.channel.ask([("FLUSHALL",)])
    yield app
    app.channel.ask([("REPLICAOF", "NO", "ONE"), ("CONFIG", "SET", "maxmemory", 0, "min-replicas-to-write", 0)])
    app.close()


@on_servers
def test_a_runner_beats_whose_counter_moves_or_appears_while_one_looks(bench: Bench) -> None:
    bench.open("s", runner="still")
    bench.open("t", runner="beats")
    pulse = Pulse(bench.reader, ["q", "none"], Unreadable())
    for runner in ("beats", "new"):
        bench.store.beat("q", runner, {})
    pulse.look()
    assert (pulse.beating, pulse.known) == ({"q": {"beats", "new"}, "none": set()}, {"q": {"still", "beats", "new"}, "none": set()})


@on_servers
def test_a_runner_that_was_seen_to_beat_counts_also_when_it_rests(bench: Bench) -> None:
    pulse = Pulse(bench.reader, ["q"], Unreadable())
    bench.store.beat("q", "r", {})
    pulse.look()
    pulse.look()
    assert pulse.beating == {"q": {"r"}}


@on_servers
def test_a_watch_ends_when_it_is_enough_or_when_the_time_is_over(bench: Bench) -> None:
    pulse, asked = Pulse(bench.reader, ["q"], Unreadable()), []
    pulse.watch(lambda seen: bool(asked.append(1)) or len(asked) == 3, 60)
    pulse.watch(lambda seen: False, 0)
    assert len(asked) == 3


@on_servers
def test_a_server_that_takes_writes_is_asked_without_a_trace(bench: Bench) -> None:
    bench.put("a", delay_ms=60_000)
    before = bench.snapshot()
    assert (refusal(bench.reader), bench.snapshot()) == ("", before)


def test_before_the_first_queue_it_is_asked_without_a_trace_too(own: Exqueue) -> None:
    assert (refusal(own.reader), own.channel.ask([("DBSIZE",)])) == ("", [0])


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("CONFIG SET maxmemory 1", "memory is full"),
        ("REPLICAOF 127.0.0.1 1", "read-only"),
        ("CONFIG SET min-replicas-to-write 1", "too few replicas"),
    ],
    ids=["full", "replica", "alone"],
)
def test_a_server_that_takes_no_writes_says_why(own: Exqueue, command: str, word: str) -> None:
    own.channel.ask([tuple(command.split())])
    assert word in refusal(own.reader)


@pytest.mark.parametrize(
    ("command", "said"),
    [("PING", ""), ("CONFIG SET maxmemory 1", "its memory is full"), ("REPLICAOF 127.0.0.1 1", "it is a read-only replica")],
    ids=["well", "full", "replica"],
)
def test_who_may_not_write_is_told_by_what_the_server_says_of_itself(server: Server, own: Exqueue, command: str, said: str) -> None:
    viewer = as_role(server, own.channel, Role.VIEWER)
    own.channel.ask([tuple(command.split())])
    assert refusal(viewer.reader) == said
    viewer.close()


def test_a_key_of_the_wrong_type_is_the_fault_of_nobody_but_its_queue(own: Exqueue) -> None:
    bench = Bench(own)
    bench.put("a")
    bench.ask("SET", bench.keys["delayed"], "foreign")
    assert refusal(own.reader) == ""
    bench.ask("CONFIG", "SET", "maxmemory", "1")
    assert "memory is full" in refusal(own.reader)
