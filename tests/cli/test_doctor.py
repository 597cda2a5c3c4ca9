"""`exqueue doctor`: what is found, for whom, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.store.roles import Role, rules
from tests.cli.conftest import Command
from tests.cli.kit import Hands, Result
from tests.store.servers import Server, running

SECRET = "hunter2"


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with Redis' own defaults: no append-only file, no password."""
    with running("redis") as server:
        yield server


def levels(result: Result) -> dict[str, str]:
    """The checks that are not ok."""
    return {check["check"]: check["level"] for check in json.loads(result.out)["checks"] if check["level"] != "ok"}


def test_of_the_embedded_server_nothing_is_wrong(exq: Command) -> None:
    found = exq("doctor", "--strict")
    assert (found.code, found.err, [line.split()[0] for line in found.lines[:-1]], found.lines[-1]) == (0, "", ["ok"] * 24, "24 ok")


def test_jobs_that_nobody_runs_are_a_warning_and_with_strict_exit_code_1(exq: Command, hands: Hands) -> None:
    hands.put("a")
    found = exq("doctor")
    assert (found.code, "warning runners jobs that nobody runs: Add (1)" in found.lines) == (0, True)
    assert "start a runner: exqueue run MODULE (with --queue NAME where NAME is no worker's own queue)" in found.lines
    assert (exq("doctor", "--strict").code, json.loads(exq("doctor", "--strict", "--json").out)["ok"]) == (1, False)


def test_it_sees_what_lies_in_the_queues(exq: Command, hands: Hands) -> None:
    hands.fail("blocks", key="k")
    hands.put("runs")
    token = hands.claim().token
    hands.app.store.depart("Add", "r")  # who has no counter is not waited for
    hands.app.channel.ask([
        ("HSET", hands.keys["runs"], "runs", f"1 0 0 1 {token}"), ("HSET", hands.keys["outbox"], "gone", "[]"),
        ("ZADD", hands.keys["blocked"], 1, "k"), ("HSET", hands.keys["slots"], "s", "{}"),
    ])  # fmt: skip
    found = levels(exq("doctor", "--json"))
    hands.app.channel.ask([("DEL", hands.keys["outbox"])])
    assert found == dict.fromkeys(["runners", "slots", "running", "blocked", "outbox"], "warning")


def test_it_writes_nothing(exq: Command, hands: Hands) -> None:
    hands.fail("a", key="k")
    hands.put("b", key="k")
    hands.app.store.depart("Add", "r")
    before = hands.ask("DBSIZE"), hands.ask("HGETALL", hands.keys["counters"]), hands.ask("XLEN", hands.keys["events"])
    exq("doctor")
    assert (hands.ask("DBSIZE"), hands.ask("HGETALL", hands.keys["counters"]), hands.ask("XLEN", hands.keys["events"])) == before


def test_a_server_as_it_comes_has_errors_and_exit_code_1(bare: Command, server: Server) -> None:
    found = bare("--url", server.url(), "doctor", "--json")
    assert (found.code, {**levels(found), "patches": ""}) == (1, {"persistence": "error", "patches": ""})


def test_what_the_setting_accepts_is_a_warning(bare: Command, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.channel().ask([("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")])
    monkeypatch.setenv("EXQUEUE_ACCEPT_DATA_LOSS", "1")
    found = levels(bare("--url", server.url(), "doctor", "--json"))
    assert {name: found[name] for name in ("persistence", "eviction")} == {"persistence": "warning", "eviction": "warning"}


@pytest.mark.parametrize("role", Role)
def test_each_role_is_told_what_it_may_know(bare: Command, server: Server, role: Role) -> None:
    admin = server.channel()
    admin.ask([("ACL", "SETUSER", "u", "reset", "on", f">{SECRET}", "resetchannels", "-@all", *rules(role, "ns"))])
    Hands(Exqueue(server.url(), namespace="ns")).put("a")
    found = bare("--url", server.url(f"u:{SECRET}@"), "--namespace", "ns", "doctor", "--json")
    unknown = {name for name, level in levels(found).items() if level == "unknown"} - {"patches"}
    admin.close()
    blind = {
        "server",
        "persistence",
        "fsync",
        "disk",
        "eviction",
        "memory",
        "overhead",
        "replicas",
        "queues",
        "runners",
        "silent",
        "slots",
        "running",
    }
    assert (found.err, unknown) == ("", {
        Role.PRODUCER: {"rights", *blind, "blocked", "failed", "outbox", "signatures"}, Role.RUNNER: {"rights"}, Role.OPERATOR: {"rights"},
        Role.VIEWER: {"rights", "outbox", "signatures"},
        Role.KEEPER: {"rights", *blind, "blocked", "failed", "outbox", "signatures"},
    }[role])  # fmt: skip


def test_a_server_that_is_away_is_exit_code_3(bare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXQUEUE_PATIENCE", "0")
    code, out, err = bare("--url", f"unix://{tmp_path}/none", "doctor").refusal
    assert (code, out, "cannot reach Redis" in err) == (3, "", True)


def test_what_other_people_wrote_is_escaped(exq: Command, hands: Hands) -> None:
    hands.ask("HSET", hands.keys["slots"], "x", json.dumps({"runner": "r\x1b[2J", "hostname": "\x1b]0;h\x07", **SLOT}))
    hands.put("a")
    found = exq("doctor")
    assert ("\\x1b]0;h\\x07" in found.out, "\x1b" in found.out) == (True, False)


SLOT = {"host": "h", "pid": 1, "start": 1, "runner_pid": 1, "runner_start": 1, "worker": "w", "lease": 30.0}
