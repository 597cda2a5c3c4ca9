"""Where an exception may be raised in a worker process: in a job, and nowhere else."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from exqueue.model.steer import JobCancelled, JobTimeout, Stop
from exqueue.runtime.board import Cell
from exqueue.runtime.watch import Watch

OURS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)


@pytest.fixture
def cell() -> Cell:
    return Cell.alone()


@pytest.fixture
def watch(cell: Cell) -> Iterator[Watch]:
    before = {number: signal.getsignal(number) for number in OURS}
    left, again = signal.setitimer(signal.ITIMER_REAL, 0)
    watch = Watch(cell)
    watch.listen()
    yield watch
    watch.end()
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)
    signal.setitimer(signal.ITIMER_REAL, left, again)  # that of the test runner


def alarm() -> None:
    os.kill(os.getpid(), signal.SIGALRM)


def term() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def later(act: Callable[[], None]) -> None:
    await asyncio.sleep(0)
    act()


def job(watch: Watch, perform: Callable[[], object], attend: Callable[[object], object] = lambda result: result) -> object:
    return watch.call(functools.partial(watch.complete, perform, attend))


def test_a_job_whose_time_is_up_is_told_so(watch: Watch) -> None:
    watch.begin(1, 0.001, 0.0)
    with pytest.raises(JobTimeout, match=r"ran longer than its timeout of 0\.001 s"):
        watch.call(lambda: time.sleep(10))


@pytest.mark.parametrize("action", [alarm, lambda: later(alarm)], ids=["plain", "async"])
def test_a_job_that_a_person_wants_stopped_is_told_so(watch: Watch, cell: Cell, action: Callable[[], object]) -> None:
    watch.begin(1, 0.0, 0.0)
    cell.stop(1)
    with pytest.raises(JobCancelled):
        job(watch, action)


def test_a_wish_that_came_before_the_job_began_is_told_when_it_has(watch: Watch, cell: Cell) -> None:
    cell.stop(1)
    alarm()
    watch.begin(1, 0.0, 0.0)
    with pytest.raises(JobCancelled):
        watch.call(lambda: time.sleep(10))


def test_an_alarm_that_is_not_due_means_nothing(watch: Watch, cell: Cell) -> None:
    watch.begin(2, 1000.0, 0.0)
    cell.stop(1)
    cell.urge(1)
    assert (watch.call(alarm), watch.call(term), watch.due()) == (None, None, None)


@pytest.mark.parametrize("signalled", [alarm, term])
def test_outside_of_a_job_nothing_is_raised(watch: Watch, cell: Cell, signalled: Callable[[], None]) -> None:
    watch.begin(1, 0.0, 0.0)
    cell.stop(1)
    cell.urge(1)
    signalled()
    watch.end()
    signalled()
    assert watch.due() is None


def test_what_is_due_outside_of_a_job_is_raised_once_it_is_in_there_again(watch: Watch, cell: Cell) -> None:
    watch.begin(1, 0.0, 0.0)
    cell.stop(1)
    alarm()
    with pytest.raises(JobCancelled):
        watch.call(lambda: time.sleep(10))


def test_a_result_that_is_there_is_kept_though_time_is_up_while_the_loop_is_closed(watch: Watch, cell: Cell) -> None:
    async def last_moment() -> str:
        asyncio.get_running_loop().call_soon(alarm)
        return "kept"

    watch.begin(1, 0.0, 0.0)
    cell.stop(1)
    assert job(watch, last_moment) == "kept"


def test_what_waits_for_the_result_is_not_torn_apart_but_can_ask(watch: Watch, cell: Cell) -> None:
    def attend(result: object) -> object:
        alarm()
        return result, type(watch.due())

    watch.begin(1, 0.0, 0.0)
    cell.stop(1)
    assert job(watch, lambda: "process", attend) == ("process", JobCancelled)


def test_what_surrounds_a_job_is_stopped_like_the_job(watch: Watch, cell: Cell) -> None:
    def layer(call_next: Callable[[], object]) -> None:
        call_next()
        alarm()

    watch.begin(1, 0.0, 0.0)
    cell.stop(1)
    with pytest.raises(JobCancelled):
        watch.call(functools.partial(layer, functools.partial(watch.complete, lambda: None, lambda result: result)))


def test_sigterm_ends_the_process_after_its_job_and_is_raised_in_it_only_if_the_runner_says_so(watch: Watch, cell: Cell) -> None:
    watch.begin(1, 0.0, 0.0)
    cell.stop(1)
    watch.call(term)
    cell.urge(1)
    with pytest.raises(JobCancelled):
        watch.call(term)
    assert watch.stopping


def test_a_job_that_has_ended_leaves_no_timer_and_no_limit(watch: Watch, cell: Cell) -> None:
    watch.begin(1, 1000.0, 0.0)
    watch.end()
    assert (signal.getitimer(signal.ITIMER_REAL), cell.limited(), watch.left, watch.due()) == ((0.0, 0.0), None, None, None)


def test_a_job_without_a_limit_touches_neither_timer_nor_board(watch: Watch, cell: Cell) -> None:
    signal.setitimer(signal.ITIMER_REAL, 1000)
    watch.begin(1, 0.0, 0.0)
    during = cell.limited()
    watch.end()
    assert (signal.getitimer(signal.ITIMER_REAL)[0] > 900, during) == (True, None)


def test_without_signals_a_limit_is_only_known_by_the_clock() -> None:
    watch = Watch()
    watch.begin(1, 0.001, 0.0)
    watch.call(lambda: time.sleep(0.002))
    assert (type(watch.due()), signal.getsignal(signal.SIGALRM) == watch._on_alarm) == (JobTimeout, False)
    watch.end()


@pytest.mark.parametrize("stop", [JobTimeout(1), JobCancelled()])
def test_no_handler_for_exceptions_swallows_them(stop: Stop) -> None:
    assert (isinstance(stop, Exception), isinstance(stop, Stop)) == (False, True)
