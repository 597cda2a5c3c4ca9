"""A claim that is sent behind a wait: the server makes it when a job arrives, and whoever has waited need not ask again."""

from __future__ import annotations

from exqueue.model.job import Claim
from exqueue.store.replies import Closed, Empty, Next, Unregistered
from exqueue.store.scripts import script
from tests.conftest import on_real_servers, on_servers
from tests.store.kit import Bench


def wait(bench: Bench, seconds: float = 1.0) -> Next | Unregistered | None:
    """For a job of slot s, with a claim behind it, of a server that has run it before."""
    bench.ask("SCRIPT", "LOAD", script("claim").source)
    return bench.store.wait("q", "s", seconds, None, token="s/1")


@on_servers
def test_what_has_arrived_is_claimed_in_the_same_request(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    claim = wait(bench)
    assert isinstance(claim, Claim)
    assert (claim.id, claim.token, claim.run.attempt, claim) == ("a", "s/1", 1, bench.take(token="s/2"))
    assert (bench.pending, bench.counts()) == (["b"], {"pending": 1, "processing": 1, "enqueued": 2})


@on_servers
def test_when_nothing_has_come_it_says_so(bench: Bench) -> None:
    bench.open("s")
    assert wait(bench, 0.01) == Empty()


@on_servers
def test_a_slot_that_was_closed_meanwhile_is_told_so_and_begins_nothing(bench: Bench) -> None:
    bench.put("a")
    bench.open("s")
    bench.recover("s")
    assert (wait(bench), bench.record("a").run.attempt) == (Unregistered(), 0)


@on_servers
def test_a_queue_that_was_paused_meanwhile_gets_back_what_came(bench: Bench) -> None:
    bench.put("a", "b")
    bench.open("s")
    bench.store.pause("q")
    assert (wait(bench), bench.reader.held("q", ["s"]), bench.record("a").run.attempt) == (Closed(), {}, 0)


@on_real_servers
def test_a_server_that_has_forgotten_the_script_is_asked_again(bench: Bench) -> None:
    bench.put("a")
    bench.open("s")
    bench.ask("SCRIPT", "FLUSH")
    assert (bench.store.wait("q", "s", 1.0, None, token="s/1"), bench.take(token="s/2").token) == (None, "s/2")
