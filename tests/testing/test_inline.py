"""Inline: each enqueue runs its job before it returns; all else is as it is: pickles, keys, delays, what follows."""

from __future__ import annotations

import threading

import pytest

from exqueue import Worker, call, enqueue, enqueue_many
from exqueue.model.errors import EncodeError
from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from exqueue.testing import TestApp
from tests.testing.workers import Later, Nesting, Note, Ordered, Troubled

Done = list[object]


def test_a_job_has_run_when_enqueue_returns_and_so_has_what_follows_it(exqueue_inline: TestApp, done: Done) -> None:
    job = enqueue(Note.options(then=[Later.options().call("follows")]), "first")
    assert (done, job.state()) == (["first", "follows"], Place.NONE)


def test_its_exception_is_raised_and_the_job_settled(exqueue_inline: TestApp) -> None:
    with pytest.raises(ValueError, match="no such customer"):
        enqueue_many(Troubled, [call("error"), call("snooze")])
    assert exqueue_inline.queue(Troubled).counts() == Counts(pending=1, delayed=1, enqueued=2)


def test_it_raises_nothing_where_that_is_not_wanted(exqueue_app: TestApp) -> None:
    with exqueue_app.inline(raising=False):
        enqueue_many(Troubled, [call("error"), call("reject")])
    assert exqueue_app.queue(Troubled).counts() == Counts(delayed=1, failed=1, enqueued=2)


def test_after_the_block_nothing_runs_by_itself(exqueue_app: TestApp, done: Done) -> None:
    with exqueue_app.inline(), exqueue_app.inline():
        pass
    enqueue(Note, "a")
    assert done == []


def test_a_job_inside_of_a_job_runs_at_once(exqueue_inline: TestApp, done: Done) -> None:
    enqueue(Nesting, 2)
    assert done == ["begin 2", "begin 1", "begin 0", "end 0", "end 1", "end 2"]


def test_of_one_key_it_waits_for_its_turn(exqueue_inline: TestApp, monkeypatch: pytest.MonkeyPatch, done: Done) -> None:
    monkeypatch.setattr(Nesting, "serial", True)
    enqueue(Nesting, 1)
    assert done == ["begin 1", "end 1", "begin 0", "end 0"]


def test_behind_a_blocked_key_nothing_runs(exqueue_app: TestApp, done: Done) -> None:
    with exqueue_app.inline(raising=False):
        for word in ("bad", "behind"):
            enqueue(Ordered.options(key="k"), word)
    assert (done, exqueue_app.queue(Ordered).counts().waiting) == (["bad"], 1)


def test_a_delayed_job_stays_delayed(exqueue_inline: TestApp, done: Done) -> None:
    enqueue(Note.options(delay=60), "later")
    assert done == []
    exqueue_inline.drain(with_delayed=True)
    assert done == ["later"]


def test_what_cannot_be_pickled_is_refused_as_always(exqueue_inline: TestApp) -> None:
    with pytest.raises(EncodeError):
        enqueue(Note, threading.Lock())


def test_a_closure_has_its_own_copy_of_what_it_closes_over(exqueue_inline: TestApp, done: Done) -> None:
    mine: list[int] = []

    class Local(Worker):
        def perform(self) -> None:
            mine.append(1)
            enqueue(Note, mine)

    enqueue(Local)
    assert (mine, done) == ([], [[1]])
