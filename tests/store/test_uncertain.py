"""Whoever is told that Redis failed is told, too, whether the request may have been carried out all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis import exceptions as r

from exqueue.model.errors import StoreError, StoreRefused, StoreUnavailable
from exqueue.store.channel import Channel
from exqueue.store.connection import Connection
from exqueue.store.keys import registry_key
from tests.faults.faults import Kind, error_of
from tests.store.kit import Bench
from tests.store.scripted import Scripted

LOST, REFUSED = r.ConnectionError("the reply was lost"), r.ConnectionError("Error 111 connecting to nowhere. Connection refused.")
FULL = error_of(Kind.OOM)


def told(*replies: Any) -> StoreError:
    """What whoever asks is told at last."""

    def connect() -> Connection:
        if left and isinstance(left[0], StoreUnavailable):
            raise left.pop(0)
        return Scripted(left)

    left = list(replies)
    with pytest.raises(StoreError) as caught:
        Channel(connect, where="test", patience=0.015).ask([("PING",)])
    return caught.value


@pytest.mark.parametrize(
    ("replies", "kind", "uncertain"),
    [
        ((FULL,), StoreRefused, False),
        ((LOST, FULL), StoreRefused, True),
        ((REFUSED, FULL), StoreRefused, False),
        ((LOST, REFUSED), StoreUnavailable, True),
        ((REFUSED, REFUSED), StoreUnavailable, False),
        ((LOST, StoreUnavailable("it does not come up")), StoreUnavailable, True),
        ((LOST, r.AuthenticationError("WRONGPASS")), StoreRefused, True),
    ],
)
def test_no_later_failure_hides_that_an_earlier_try_may_have_been_carried_out(
    replies: tuple[Exception, ...], kind: type[StoreError], uncertain: bool
) -> None:
    error = told(*replies)
    assert (type(error), error.uncertain) == (kind, uncertain)


class Failing:
    """Replaces a method: called so often as it was, then it raises."""

    def __init__(self, inner: Callable[..., Any], good: int) -> None:
        self._inner, self._good = inner, good

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._good -= 1
        if self._good < 0:
            raise StoreUnavailable("gone")
        return self._inner(*args, **kwargs)


def test_of_many_jobs_some_may_have_been_accepted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.store, "_run", Failing(bench.store._run, 1))
    with pytest.raises(StoreUnavailable) as caught:
        bench.put(*(f"j{number}" for number in range(150)))
    assert (caught.value.uncertain, len(bench.pending)) == (True, 100)


def test_a_job_is_accepted_though_its_queue_could_not_be_announced_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    announce = bench.store.announce
    monkeypatch.setattr(bench.store, "announce", Failing(announce, 1))
    assert bench.put("a") == [True]
    monkeypatch.setattr(bench.store, "announce", announce)
    bench.ask("DEL", registry_key(bench.store.namespace))
    bench.put("b")
    assert bench.reader.queues() == ["q"]
