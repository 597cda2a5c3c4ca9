"""A reply that is lost is asked for again: the step has one effect, and the caller learns of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreUnavailable
from exqueue.model.job import Claim
from exqueue.model.settings import Settings
from exqueue.store.channel import Channel
from exqueue.store.connection import connector
from exqueue.store.embedded import EmbeddedServer
from exqueue.store.invariants import broken
from exqueue.store.scripts import script, script_names
from tests.client.workers import Add
from tests.store.kit import CRASH, Bench
from tests.store.proxy import Proxy, proxy_to
from tests.store.steps import REPEATABLE, STEPS

each_step = pytest.mark.parametrize("step", [step for step in STEPS if step != "beat"])


@pytest.fixture(params=["embedded", "redis"])
def proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    """A proxy to a server that knows all scripts, so that the first call of one does something."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    where = url.partition("://")[2] or str(EmbeddedServer(Path(url.partition(":")[2])).socket)
    with proxy_to(where) as proxy:
        behind(where).ask([("SCRIPT", "LOAD", script(name).source) for name in script_names()])
        yield proxy


@pytest.fixture
def app(proxy: Proxy) -> Iterator[Exqueue]:
    app = Exqueue(settings=Settings(namespace=f"t{uuid.uuid4().hex[:12]}"), channel=behind(proxy.path))
    yield app
    lines = broken(app.channel, app.settings.namespace)
    app.close()
    assert lines == []


@each_step
@pytest.mark.parametrize("lost", [1, 3])
def test_a_lost_reply_leaves_what_one_that_came_would_have_left(app: Exqueue, proxy: Proxy, step: str, lost: int) -> None:
    _, expected = undisturbed(app, step)
    act = STEPS[step](bench := Bench(app))
    proxy.replies_to_lose = lost
    act()
    assert (bench.snapshot(times=False), proxy.replies_to_lose) == (expected, 0)


@each_step
def test_a_lost_request_is_sent_again(app: Exqueue, proxy: Proxy, step: str) -> None:
    _, expected = undisturbed(app, step)
    act = STEPS[step](bench := Bench(app))
    proxy.requests_to_lose = 1
    act()
    assert (bench.snapshot(times=False), proxy.requests_to_lose) == (expected, 0)


@pytest.mark.parametrize("step", [*REPEATABLE, "recover", "recover to failed"])
def test_the_answer_is_the_one_that_was_lost(app: Exqueue, proxy: Proxy, step: str) -> None:
    expected, _ = undisturbed(app, step)
    act = STEPS[step](Bench(app))
    proxy.replies_to_lose = 1
    assert timeless(act()) == expected


def test_a_beat_whose_reply_is_lost_shows_twice_that_the_runner_lives(app: Exqueue, proxy: Proxy) -> None:
    bench = Bench(app)
    bench.put("a")
    bench.open("s")
    proxy.replies_to_lose = 1
    assert (bench.store.beat("q", "r", {"s": "{}"}), bench.reader.beats("q")) == ([], {"r": "2"})


def test_recovering_counts_one_crash_when_its_reply_is_lost(app: Exqueue, proxy: Proxy) -> None:
    claim = (bench := Bench(app)).start("a")
    proxy.replies_to_lose = 1
    assert (bench.recover("s", claim), bench.spent("a"), bench.record("a").errors) == ("recovered", (1, 0, 1), (CRASH,))


@pytest.mark.parametrize("action", ["requeue", "delete"])
def test_a_person_is_not_told_that_it_cannot_be_done_when_it_was(app: Exqueue, proxy: Proxy, action: str) -> None:
    Bench(app).fail("a", "b")
    proxy.replies_to_lose = 1
    getattr(app.job("a"), action)()
    proxy.replies_to_lose = 1
    assert getattr(app.failed(), action)() == 1


def test_a_job_of_an_id_of_its_own_is_new_even_if_it_was_sent_twice(app: Exqueue, proxy: Proxy) -> None:
    proxy.replies_to_lose = 1
    assert app.enqueue(Add, 1).new is True


def test_a_job_whose_arrival_was_not_heard_of_is_the_next_to_be_claimed(app: Exqueue, proxy: Proxy) -> None:
    bench = Bench(app)
    bench.put("a", "b")
    bench.open("s")
    proxy.word, proxy.replies_to_lose = b"BLMOVE", 1
    with pytest.raises(StoreUnavailable) as caught:
        bench.store.wait("q", "s", 1.0, None)
    assert (caught.value.uncertain, bench.take().id, bench.pending) == (True, "a", ["b"])


def test_a_claim_behind_a_wait_that_was_not_heard_of_is_the_one_that_counts(app: Exqueue, proxy: Proxy) -> None:
    bench = Bench(app)
    bench.put("a", "b")
    bench.open("s")
    proxy.word, proxy.replies_to_lose = b"BLMOVE", 1
    with pytest.raises(StoreUnavailable):
        bench.store.wait("q", "s", 1.0, None, token="s/1")
    claim = bench.take(token="s/2")
    assert (claim.id, claim.token, claim.run.attempt, bench.pending) == ("a", "s/1", 1, ["b"])


@pytest.mark.parametrize("lose", ["replies_to_lose", "requests_to_lose"])
def test_who_does_not_ask_again_is_told_that_it_may_have_happened(app: Exqueue, proxy: Proxy, lose: str) -> None:
    Bench(app).put("a")
    hasty = Exqueue(settings=app.settings, channel=behind(proxy.path, patience=0))
    setattr(proxy, lose, 1)
    with pytest.raises(StoreUnavailable) as caught:
        Bench(hasty).put("b")
    hasty.close()
    assert caught.value.uncertain is True


def behind(path: str, patience: float = 5) -> Channel:
    """A channel to a Unix socket."""
    return Channel(connector(f"unix://{path}", 5), where="test", patience=patience)


def undisturbed(app: Exqueue, step: str) -> tuple[object, dict[str, Any]]:
    """What the step answers and leaves when nothing is lost. The queue is empty again after this."""
    answer = STEPS[step](bench := Bench(app))()
    left = bench.snapshot(times=False)
    bench.ask("DEL", *bench.ask("KEYS", f"{app.settings.namespace}:*"))
    return timeless(answer), left


def timeless(answer: object) -> object:
    """An answer without the time of the claim."""
    if isinstance(answer, tuple):
        return tuple(map(timeless, answer))
    return replace(answer, run=replace(answer.run, since=0)) if isinstance(answer, Claim) else answer
