"""`exqueue queues`, `exqueue events`, `exqueue top`: hold up, watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.model.job import Progress
from tests.cli.conftest import Command
from tests.cli.kit import Hands, Terminal


@pytest.fixture
def shop(app: Exqueue, hands: Hands) -> Hands:
    """Two queues with a job each."""
    hands.put("p1")
    Hands(app, "Mail").put("m1")
    return hands


def test_a_queue_is_paused_once_and_resumed_once(exq: Command, app: Exqueue, shop: Hands) -> None:
    done = [exq("queues", *words.split()).whole for words in ("pause Add", "pause Add", "pause --all", "resume Add Mail", "resume --all")]
    idle = (1, "nothing to do: they are so already\n", "")
    assert done == [(0, "paused Add\n", ""), idle, (0, "paused Mail\n", ""), (0, "resumed Add, Mail\n", ""), idle]
    assert [queue.counts().paused for queue in app.queues()] == [False, False]


def test_pausing_as_json(exq: Command, shop: Hands) -> None:
    assert exq("queues", "pause", "--all", "--json").json == {"paused": ["Add", "Mail"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "say which queues, or --all"), (["Add", "--all"], "say which queues, or --all"),
     (["Bad"], "there is no queue 'Bad'; there are Add, Mail")],
)  # fmt: skip
def test_a_wrong_choice_is_refused(exq: Command, shop: Hands, words: list[str], said: str) -> None:
    assert exq("queues", "pause", *words).refusal == (2, "", f"exqueue: {said}")


def test_events_are_shown_in_order(exq: Command, shop: Hands) -> None:
    shop.claim()
    assert exq("events", "--queue", "Add").lines == ["T enqueued Add p1", "T claimed Add p1 s"]
    assert sorted(exq("events").lines) == ["T claimed Add p1 s", "T enqueued Add p1", "T enqueued Mail m1"]


def test_events_can_be_chosen(exq: Command, shop: Hands) -> None:
    shop.put("p2")
    last, mail = exq("events", "--queue", "Add", "--limit", "1").lines, exq("events", "--queue", "Mail").lines
    assert (last, mail, len(exq("events", "--limit", "2").lines)) == (["T enqueued Add p2"], ["T enqueued Mail m1"], 2)


def test_an_event_as_json(exq: Command, shop: Hands) -> None:
    event = exq("events", "--queue", "Mail", "--json").json
    assert {**event, "cursor": ""} == {"queue": "Mail", "name": "enqueued", "job": "m1", "more": "", "at": "T", "cursor": ""}


@pytest.mark.slow
def test_events_are_followed(app: Exqueue, shop: Hands, tmp_path: Path) -> None:
    words = ["--url", app.settings.url, "--namespace", app.settings.namespace]
    terminal = Terminal(*words, "events", "--follow", cwd=tmp_path)
    terminal.until("enqueued   Mail m1")
    shop.put("p2")
    terminal.until("enqueued   Add p2")
    terminal.type("\x03")
    assert terminal.end() == 130


def test_top_shows_what_runs_and_how_far_it_is(exq: Command, app: Exqueue, shop: Hands) -> None:
    app.store.report(shop.claim(), Progress(0.4, "page 4 of 10", 1))
    assert exq("top").lines == [
        "queue pending waiting delayed processing failed completed deleted processes",
        "Add 0 0 0 1 0 0 0 1",
        "Mail 1 0 0 0 0 0 0 0",
        "",
        "job queue tries running since progress arguments",
        "p1 Add 1 T 40 % page 4 of 10 1, b=2",
    ]


@pytest.mark.slow
def test_top_goes_on_at_a_terminal(app: Exqueue, shop: Hands, tmp_path: Path) -> None:
    words = ["--url", app.settings.url, "--namespace", app.settings.namespace]
    terminal = Terminal(*words, "top", "--interval", "0.1", cwd=tmp_path)
    terminal.until("no job runs")
    shop.claim()
    terminal.until("running since")
    terminal.type("\x03")
    assert terminal.end() == 130
