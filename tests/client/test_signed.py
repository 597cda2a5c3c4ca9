"""Clients sign what they enqueue, and read only results that were signed; Redis is asked no more often for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.model.codec import load
from exqueue.model.errors import CannotLoad, EncodeError, ResultUnavailable
from exqueue.model.job import Claim
from exqueue.model.options import call
from exqueue.model.settings import Settings
from exqueue.model.signing import Keys, is_signed
from exqueue.runtime.delivery import deliver
from exqueue.store import topology
from tests.client.workers import Add, Send

KEYS = Keys.parse("the only key of this test")
Starts = Callable[..., Claim]


@pytest.fixture
def signing(app: Exqueue) -> Exqueue:
    """The app of the test, with keys."""
    return Exqueue(settings=Settings(namespace=app.settings.namespace, signing_keys=KEYS), channel=app.channel)


@pytest.mark.parametrize("given", [call(1, b=2), call("x" * 20_000), call("é☃")], ids=["small", "packed", "text"])
def test_what_was_enqueued_with_a_key_is_loaded_with_it_only(signing: Exqueue, app: Exqueue, starts: Starts, given: Any) -> None:
    claim = starts(signing.enqueue_many(Add.options(key="k", timeout=60, keep_result=5), [given])[0])
    assert (is_signed(claim.body), load(claim, {}, signing.envelope(), [])) == (True, (Add, given))
    with pytest.raises(CannotLoad, match="there are no keys here"):
        load(claim, {}, app.envelope(), [])


def test_no_worker_is_imported_that_an_unsigned_header_names(signing: Exqueue, app: Exqueue, starts: Starts) -> None:
    known: dict[str, Any] = {}
    with pytest.raises(CannotLoad, match="it is not signed"):
        load(starts(app.enqueue(Add, 1)), known, signing.envelope(), [])
    assert known == {}


def test_what_follows_a_job_is_signed_for_the_queue_it_goes_to(signing: Exqueue, starts: Starts) -> None:
    signing.enqueue(Add.options(then=[Send.options(key="k", id="next").call("b")]), 1)
    signing.store.register("Add", "s", "{}", "r")
    claim = signing.store.claim("Add", "s", "s/1")
    assert isinstance(claim, Claim)
    signing.store.complete(claim, "s", "")
    assert deliver(signing.store, signing.reader, "Add") == 1
    assert load(starts(signing.job("next")), {}, signing.envelope(), []) == (Send, call("b"))


@pytest.mark.parametrize("result", [b'\x11"json"', b"\x12N."])
def test_a_result_is_read_only_if_it_was_signed_where_there_are_keys(signing: Exqueue, app: Exqueue, starts: Starts, result: bytes) -> None:
    job = signing.enqueue(Add.options(keep_result=60), 1)
    signing.store.complete(starts(job), "t", "", keep_ms=60_000, result=result)
    with pytest.raises(ResultUnavailable, match="it cannot be trusted: it is not signed; see EXQUEUE_SIGNING_KEYS"):
        job.result(0)
    assert app.job(job.id).result(0) in ("json", None)


def test_a_limit_of_the_size_is_that_of_the_pickle(app: Exqueue) -> None:
    small = Exqueue(settings=Settings(namespace=app.settings.namespace, max_body=20_000, signing_keys=KEYS), channel=app.channel)
    small.enqueue(Send, "x" * 19_000)
    with pytest.raises(EncodeError, match="more than max_body = 20,000"):
        small.enqueue(Send, "x" * 20_000)


def test_signing_asks_redis_no_more_often(signing: Exqueue, app: Exqueue, starts: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    exchange = topology.exchange

    def counting(connection: Any, commands: Any) -> list[Any]:
        asked.append(len(commands))
        return exchange(connection, commands)

    for one in (app, signing):
        one.enqueue(Add, 1)
    monkeypatch.setattr(topology, "exchange", counting)
    counts = []
    for one in (app, signing):
        asked.clear()
        one.enqueue(Add, 1)
        counts.append([*asked])
    assert counts == [[1], [1]]
