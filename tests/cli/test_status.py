"""`exqueue status` and `exqueue config`: what there is, and what is set by whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.model.redact import DEFAULT
from exqueue.store.connection import KNOWN
from tests.cli.conftest import Command
from tests.cli.kit import Hands

NOTHING = {
    "pending": 0, "delayed": 0, "waiting": 0, "processing": 0, "failed": 0, "done": 0, "enqueued": 0, "completed": 0, "deleted": 0,
    "blocked": 0, "paused": False, "processes": 0, "adds_up": True,
}  # fmt: skip
HOW = "write redis://USER:PASSWORD@HOST:PORT/DB or unix:///PATH?db=DB, and percent-encode special characters in the password"


@pytest.fixture
def shop(app: Exqueue, hands: Hands) -> Hands:
    """A queue that a process serves, with jobs in every place, and one that nobody serves."""
    hands.fail("f1", "f2")
    hands.put("r1")
    hands.claim()
    hands.put("p1", "p2", "gone")
    app.job("gone").cancel()
    hands.put("d1", delay=10**8)
    Hands(app, "Mail").put("m1")
    return hands


def test_status_counts_the_jobs_of_every_queue(exq: Command, app: Exqueue, shop: Hands) -> None:
    app.store.announce("Idle")
    assert exq("status").lines == [
        "queue pending waiting delayed processing failed completed deleted processes",
        "Add 2 0 1 1 2 0 1 1",
        "Idle 0 0 0 0 0 0 0 0",
        "Mail 1 0 0 0 0 0 0 0",
        "nobody serves Mail; start a runner: exqueue run MODULE (with --queue NAME where NAME is no worker's own queue)",
        "2 failed job(s): exqueue failed list",
    ]


def test_status_as_json_says_whether_all_adds_up(exq: Command, app: Exqueue, shop: Hands) -> None:
    assert exq("status", "--json").json == {
        "url": app.settings.url,
        "namespace": app.settings.namespace,
        "queues": [
            {**NOTHING, "queue": "Add", "pending": 2, "delayed": 1, "processing": 1, "failed": 2, "enqueued": 7, "deleted": 1,
             "processes": 1},
            {**NOTHING, "queue": "Mail", "pending": 1, "enqueued": 1},
        ],
        "unreadable": [],
    }  # fmt: skip


def test_status_says_what_is_paused_and_which_keys_are_blocked(exq: Command, app: Exqueue, hands: Hands) -> None:
    hands.fail("f1", key="k")
    hands.put("w1", key="k")
    app.queue("Add").pause()
    assert exq("status").lines == [
        "queue pending waiting delayed processing failed completed deleted processes",
        "Add 0 1 0 0 1 0 0 1 paused, 1 blocked key(s)",
        "1 failed job(s): exqueue failed list",
        "keys are blocked by failed jobs: exqueue blocked list",
    ]


def test_a_job_that_is_missing_does_not_add_up(exq: Command, app: Exqueue, shop: Hands) -> None:
    shop.ask("LREM", shop.keys["pending"], 1, "p2")
    found = exq("status", "--json").json["queues"][0]
    shop.ask("RPUSH", shop.keys["pending"], "p2")
    assert (found["pending"], found["adds_up"]) == (1, False)


def test_without_queues_status_says_so(exq: Command, app: Exqueue) -> None:
    assert exq("status").whole == (0, "no queues yet: a queue exists once its first job does\n", "")


def test_config_shows_each_value_and_where_it_came_from(bare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.exqueue]\nlease = 60\ngrace = 5\nnamespace = 'file'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXQUEUE_GRACE", "7.5")
    monkeypatch.setenv("EXQUEUE_NAMESPACE", "environment")
    assert bare("--url", "redis://localhost:1/0", "--namespace", "typed", "config").lines == [
        "setting value source",
        "url redis://localhost:1/0 flag",
        "namespace typed flag",
        "lease 60.0 pyproject.toml",
        "grace 7.5 EXQUEUE_GRACE",
        "kill_after 10.0 default",
        "patience 5.0 default",
        "max_body 16777216 default",
        "accept_data_loss False default",
        "durability local default",
        "replicas 1 default",
        "signing_keys none default",
        f"redact {DEFAULT} default",
    ]


def test_config_as_json(bare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXQUEUE_MAX_BODY", "1000")
    assert bare("config", "--json").json == {
        "url": {"value": "embedded:.exqueue", "source": "default"},
        "namespace": {"value": "exq", "source": "default"},
        "lease": {"value": 30.0, "source": "default"},
        "grace": {"value": 30.0, "source": "default"},
        "kill_after": {"value": 10.0, "source": "default"},
        "patience": {"value": 5.0, "source": "default"},
        "max_body": {"value": 1000, "source": "EXQUEUE_MAX_BODY"},
        "accept_data_loss": {"value": False, "source": "default"},
        "durability": {"value": "local", "source": "default"},
        "replicas": {"value": 1, "source": "default"},
        "signing_keys": {"value": "none", "source": "default"},
        "redact": {"value": DEFAULT, "source": "default"},
    }


def test_config_asks_no_server(bare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bare("config")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("EXQUEUE_LEASE", "soon", "EXQUEUE_LEASE: lease is 'soon'; it takes a number"),
     ("EXQUEUE_LEASE", "nan", "lease is nan; it takes a number from 0.5"),
     ("EXQUEUE_MAX_BODY", "1e6", "EXQUEUE_MAX_BODY: max_body is '1e6'; it takes a number"),
     ("EXQUEUE_NAMESPACE", "a{b", "namespace 'a{b' is not a name: use 1 to 200 letters, digits and any of . _ : @ / -"),
     ("EXQUEUE_URL", "http://x", f"'http://x' is not a URL exqueue knows; use {KNOWN}"),
     ("EXQUEUE_URL", "redis://x:port", f"the URL 'redis://x:port' cannot be used; {HOW}"),
     ("EXQUEUE_URL", "embedded:", "'embedded:' names no directory; use embedded:DIR, for example embedded:.exqueue")],
)  # fmt: skip
def test_a_wrong_setting_is_named_on_one_line(bare: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str) -> None:
    monkeypatch.setenv(variable, value)
    assert bare("status").refusal == (2, "", f"exqueue: {said}")


def test_an_unknown_setting_in_pyproject_is_named(bare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.exqueue]\nleese = 60\n")
    monkeypatch.chdir(tmp_path)
    known = "url, namespace, lease, grace, kill_after, patience, max_body, accept_data_loss, durability, replicas, signing_keys, redact"
    assert bare("status").refusal == (2, "", f"exqueue: pyproject.toml [tool.exqueue]: unknown setting 'leese'; known are {known}")


def test_a_slot_that_does_not_say_whose_it_is_serves_nothing(exq: Command, app: Exqueue, hands: Hands) -> None:
    hands.put("p1")
    app.channel.ask([("HSET", app.store.keys("Add")["slots"], "abc.1", "garbage")])
    assert exq("status").lines == [
        "queue pending waiting delayed processing failed completed deleted processes",
        "Add 1 0 0 0 0 0 0 0",
        "nobody serves Add; start a runner: exqueue run MODULE (with --queue NAME where NAME is no worker's own queue)",
    ]
