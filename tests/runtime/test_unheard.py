"""A worker process that is given a job while it waits: what it has not heard of, and what it hears of too late."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreRefused, StoreUnavailable
from exqueue.model.job import Claim
from exqueue.runtime import process as process_module
from exqueue.runtime.board import Cell
from exqueue.runtime.process import FENCED, ORDERLY, WorkerProcess
from exqueue.runtime.recovery import Death, Recovery
from exqueue.store.replies import Empty
from exqueue.store.steps import Store
from tests.conftest import on_real_servers, on_servers
from tests.runtime.test_process import POST
from tests.store.kit import Bench

NEVER_BEGUN = (0, 0, 0)


class Waiting(Store):
    """`instead` of waiting: told the process's own way to wait, and when it hears of it."""

    def __init__(self, app: Exqueue, instead: Callable[[Callable[[], Any], Callable[[], None]], Any]) -> None:
        super().__init__(app.channel, app.settings.namespace)
        self._instead = instead

    def wait(self, *words: Any, heard: Callable[[], None], **more: Any) -> Any:  # type: ignore[override]
        return self._instead(lambda: Store.wait(self, *words, heard=heard, **more), heard)


class Pausing(WorkerProcess):
    """Notes what it has not heard of when it pauses, and ends."""

    unheard: int

    def _pause(self, seconds: float) -> None:
        self.unheard = self._watch._cell.unheard
        self._watch.stopping = True


@pytest.fixture
def bench(app: Exqueue) -> Bench:
    return Bench(app)


def process_of(bench: Bench, instead: Callable[[Callable[[], Any], Callable[[], None]], Any], cell: Cell | None = None) -> Pausing:
    """One that has found nothing, and waits so."""
    return Pausing(Waiting(bench.app, instead), replace(POST, queue="q"), {}, cell)


def test_on_the_board_stands_which_claim_it_has_not_heard_of_until_it_does(bench: Bench, handlers: None) -> None:
    cell, seen = Cell.alone(), list[int]()

    def instead(_: Any, heard: Callable[[], None]) -> Empty:
        seen.append(cell.unheard)
        heard()
        seen.append(cell.unheard)
        os.kill(os.getpid(), signal.SIGTERM)
        return Empty()

    assert (process_of(bench, instead, cell).run(), seen) == (ORDERLY, [2, 0])


@pytest.mark.parametrize("error", [StoreRefused("full"), StoreUnavailable("gone")], ids=["refused", "lost"])
def test_what_came_of_a_wait_that_has_failed_is_unheard_of(bench: Bench, handlers: None, error: Exception) -> None:
    def instead(_: Any, heard: Callable[[], None]) -> Any:
        heard()
        raise error

    process = process_of(bench, instead)
    assert (process.run(), process.unheard) == (ORDERLY, 2)


@on_real_servers
def test_a_job_that_comes_together_with_a_signal_goes_back_uncounted(bench: Bench, handlers: None) -> None:
    def instead(wait: Callable[[], Any], _: Any) -> Any:
        bench.put("a")
        claim = wait()
        os.kill(os.getpid(), signal.SIGTERM)
        assert isinstance(claim, Claim)
        return claim

    assert (process_of(bench, instead).run(), bench.pending, bench.spent("a")) == (ORDERLY, ["a"], NEVER_BEGUN)


@on_real_servers
def test_an_answer_that_lay_there_while_the_machine_stood_still_is_not_believed(
    bench: Bench, handlers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def instead(wait: Callable[[], Any], _: Any) -> Any:
        bench.put("a")
        claim = wait()
        monkeypatch.setattr(process_module, "seconds_since_boot", lambda: 1e9)
        bench.recover(POST.slot, claim)
        return claim

    cell = Cell.alone()
    assert (process_of(bench, instead, cell).run(), bench.pending, cell.begun) == (FENCED, ["a"], 1)


@on_servers
@pytest.mark.parametrize("ours", [True, False], ids=["killed by us", "dead by itself"])
def test_a_job_that_its_process_has_not_heard_of_goes_back_as_it_was(bench: Bench, ours: bool) -> None:
    bench.put("a", expires=2**42)
    before = bench.record("a").terms
    bench.open("s")
    bench.take("s", "s/7")
    Recovery(bench.store, bench.reader, ()).take_back("q", Death("s", "r", "here:1", -9, "", ours, begun=6, unheard=7))
    record = bench.record("a")
    assert (bench.pending, bench.spent("a"), record.errors, record.terms) == (["a"], NEVER_BEGUN, (), before)
