"""`exqueue health`: one line and an exit code for whoever probes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.runtime.host import host_id
from exqueue.store.roles import Role, rules
from exqueue.store.slotinfo import SlotInfo
from tests.cli.conftest import Command
from tests.cli.kit import Hands
from tests.store.servers import running


@contextmanager
def a_runner(app: Exqueue, queue: str, *, host: str = "elsewhere", worker: str = "Add") -> Iterator[None]:
    """Something that beats for a queue, with one slot."""
    app.store.announce(queue)
    app.store.register(queue, f"slot of {queue}", SlotInfo("", runner=f"r-{queue}", host=host, worker=worker).encode(), f"r-{queue}")
    done = threading.Event()

    def beat() -> None:
        while not done.wait(0.05):
            app.store.beat(queue, f"r-{queue}", {})

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_with_nothing_to_run_nobody_needs_to_run_it(exq: Command, hands: Hands) -> None:
    hands.fail("failed")
    assert exq("health").whole == (0, "healthy: Redis takes writes; nothing to run\n", "")


def test_a_queue_with_jobs_and_a_runner_that_beats_is_served(exq: Command, hands: Hands) -> None:
    hands.put("a")
    with a_runner(hands.app, "Add"):
        assert exq("health").whole == (0, "healthy: Redis takes writes; Add served\n", "")


@pytest.mark.parametrize("delay", [0, 60_000])
def test_a_queue_with_jobs_and_no_runner_is_named_at_once(exq: Command, hands: Hands, delay: int) -> None:
    hands.put("a", delay=delay)
    assert exq("health").whole == (1, "no runner beats for Add\n", "")


def test_a_probe_that_restarts_runners_is_not_told_to_do_so_for_a_key_of_the_wrong_type(exq: Command, hands: Hands) -> None:
    with a_runner(hands.app, "Add", host=host_id()):
        hands.ask("SET", hands.keys["failed"], "foreign")
        alive = exq("health", "--here")
        hands.ask("DEL", hands.keys["failed"])
    held = hands.ask("DUMP", hands.keys["beats"])
    hands.ask("SET", hands.keys["beats"], "foreign")
    nobody_can_say = exq("health", "--here")
    hands.ask("RESTORE", hands.keys["beats"], 0, held, "REPLACE")
    assert alive.whole == (0, "healthy: Redis takes writes; Add served\n", "")
    assert (nobody_can_say.code, nobody_can_say.out, hands.keys["beats"] in nobody_can_say.err) == (3, "", True)


def test_a_runner_that_is_registered_but_does_not_beat_does_not_count(exq: Command, hands: Hands) -> None:
    hands.put("a")
    hands.app.store.register("Add", "s", "{}", "frozen")
    assert exq("health", "--wait", "0.2").whole == (1, "no runner beats for Add\n", "")


def test_only_the_queues_that_were_asked_for_count(exq: Command, hands: Hands) -> None:
    hands.put("a")
    other = Hands(hands.app, "Other")
    other.put("b")
    with a_runner(hands.app, "Add", worker="shop:Special"):
        found = [
            exq("health", *words).code
            for words in (("--queue", "Add"), ("--worker", "Special"), ("--worker", "shop:Special"), ("--worker", "Other"), ())
        ]
    assert found == [0, 0, 0, 1, 1]


NOBODY = "is known: no runner serves it, and no queue has its name\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--queue x", "there is no queue x yet\n"), ("--worker x", f"no worker x {NOBODY}"),
        ("--worker Add --worker x --worker y", f"no worker x, y {NOBODY}"), ("--queue Add --worker x", f"no worker x {NOBODY}"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_well(exq: Command, hands: Hands, words: str, said: str) -> None:
    hands.put("a")
    assert exq("health", *words.split()).whole == (1, said, "")


def test_here_only_runners_of_this_host_count_with_jobs_or_without(exq: Command, hands: Hands) -> None:
    Hands(hands.app, "Idle")
    with a_runner(hands.app, "Add"):
        assert exq("health", "--here").whole == (1, "no runner of this host has a worker process there\n", "")
        with a_runner(hands.app, "Idle", host=host_id()):
            assert exq("health", "--here").whole == (0, "healthy: Redis takes writes; Idle served\n", "")
            assert exq("health", "--here", "--queue", "Add").code == 1


def test_as_json(exq: Command, hands: Hands) -> None:
    hands.put("a")
    found = exq("health", "--json")
    assert (found.code, found.json) == (
        1,
        {"healthy": False, "refused": "", "served": [], "unserved": ["Add"], "missing": "", "unreadable": []},
    )


def test_it_writes_nothing(exq: Command, hands: Hands) -> None:
    before = hands.ask("DBSIZE")
    exq("health")
    assert hands.ask("DBSIZE") == before


def test_a_full_server_is_exit_code_1_and_one_that_is_away_3(bare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXQUEUE_PATIENCE", "0")
    with running("redis", "--maxmemory", "1") as server:
        full = bare("--url", server.url(), "health")
    assert (full.code, full.out.startswith("Redis takes no writes: "), "its memory is full" in full.out) == (1, True, True)
    assert bare("--url", server.url(), "health").refusal[0] == 3


def test_a_viewer_is_told_as_well(bare: Command) -> None:
    with running("valkey") as server:
        app = Exqueue(server.url(), namespace="ns")
        app.channel.ask([("ACL", "SETUSER", "v", "reset", "on", ">p", "resetchannels", "-@all", *rules(Role.VIEWER, "ns"))])
        Hands(app).put("a")
        with a_runner(app, "Add"):
            found = bare("--url", server.url("v:p@"), "--namespace", "ns", "health")
        app.close()
    assert found.whole == (0, "healthy: Redis takes writes; Add served\n", "")
