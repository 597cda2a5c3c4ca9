"""What becomes of errors: an exit code, one line on standard error, no traceback unless asked for, never a password."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from tests.cli.conftest import Command
from tests.cli.kit import Hands, environment, run

NOWHERE = "redis://user:secret@localhost:1/0"
UNREACHABLE = (
    "exqueue: cannot reach Redis at redis://***@localhost:1/0: Error 111 connecting to localhost:1. Connection refused; "
    "is it running, is EXQUEUE_URL right?"
)
SECRETS = [
    NOWHERE,
    "redis://:secret@localhost:1",
    "redis://user:se@cret@localhost:1/0",
    "redis://localhost:1/0?password=secret",
    "redis://localhost:1/0?username=u&password=secret&db=0",
    "user:secret@localhost:1",
    "redis:secret@localhost:1",
    "redis+sentinel://:secret@localhost:1",
    "redis://user:secret@localhost:port",
    "redis://user:secret/2@localhost:1",
    "redis://user:secret#2@localhost:1",
    "unix://user:secret@/nowhere/at/all",
    "embedded://user:secret@localhost",
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [(["status"], 0), (["failed", "show", "zz"], 1), (["failed", "requeue", "--error", "none"], 1), (["failed", "requeue"], 2),
     (["jobs", "list", "--limit", "0"], 2), (["no-such-command"], 2), (["failed", "list", "--no-such-option"], 2),
     (["--url", NOWHERE, "status"], 3)],
)  # fmt: skip
def test_the_exit_code_says_what_went_wrong(app: Exqueue, tmp_path: Path, words: list[str], code: int) -> None:
    env = {"EXQUEUE_URL": app.settings.url, "EXQUEUE_NAMESPACE": app.settings.namespace, "EXQUEUE_PATIENCE": "0"}
    assert run(*words, cwd=tmp_path, env=env).code == code


def test_an_error_is_one_line_on_standard_error(tmp_path: Path) -> None:
    assert run("--url", NOWHERE, "status", cwd=tmp_path, env={"EXQUEUE_PATIENCE": "0"}).refusal == (3, "", UNREACHABLE)


@pytest.mark.parametrize("command", [["failed", "list"], ["failed", "requeue", "--all"], ["jobs", "show", "a"], ["jobs", "cancel", "a"],
                                     ["status", "--json"], ["shell"]])  # fmt: skip
def test_every_command_says_that_redis_is_not_there(bare: Command, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setenv("EXQUEUE_PATIENCE", "0")
    assert bare("--url", NOWHERE, *command).refusal == (3, "", UNREACHABLE)


@pytest.mark.parametrize("words", [["--verbose", "--url", NOWHERE, "status"], ["--verbose", "failed", "list", "--since", "soon"]])
def test_verbose_shows_the_traceback(tmp_path: Path, words: list[str]) -> None:
    done = run(*words, cwd=tmp_path, env={"EXQUEUE_PATIENCE": "0"})
    assert done.code != 0
    assert done.err.startswith("Traceback (most recent call last):\n")
    assert "exqueue.model.errors." in done.err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--url", NOWHERE, "status"], ["failed", "list", "--since", "soon"]])
def test_verbose_ends_with_the_same_exit_code(tmp_path: Path, words: list[str]) -> None:
    plain, verbose = (run(*flag, *words, cwd=tmp_path, env={"EXQUEUE_PATIENCE": "0"}) for flag in ([], ["--verbose"]))
    assert verbose.code == plain.code


@pytest.mark.parametrize("url", SECRETS)
@pytest.mark.parametrize("command", ["status", "config"])
def test_a_password_is_never_shown(bare: Command, monkeypatch: pytest.MonkeyPatch, url: str, command: str) -> None:
    monkeypatch.setenv("EXQUEUE_PATIENCE", "0")
    shown = bare("--url", url, command)
    told = [line for line in (shown.out + shown.err).splitlines() if not line.startswith("redact ")]  # which has such names
    assert [line for line in told if "cret" in line] == []


def test_a_password_is_not_shown_in_a_traceback_either(tmp_path: Path) -> None:
    assert "secret" not in run("--verbose", "--url", NOWHERE, "status", cwd=tmp_path, env={"EXQUEUE_PATIENCE": "0"}).err


def test_a_password_is_not_shown_by_the_config_of_the_environment(tmp_path: Path) -> None:
    done = run("config", "--json", cwd=tmp_path, env={"EXQUEUE_URL": NOWHERE})
    assert done.json["url"] == {"value": "redis://***@localhost:1/0", "source": "EXQUEUE_URL"}


@pytest.mark.slow
@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_reader_who_has_seen_enough_is_no_error(app: Exqueue, hands: Hands, tmp_path: Path, json: list[str]) -> None:
    hands.put(*(f"{number:03}" for number in range(900)), args="x" * 150)
    options = ["--url", app.settings.url, "--namespace", app.settings.namespace]
    command = [sys.executable, "-m", "exqueue", *options, "jobs", "list", "--all", *json]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait(20)) == (b"", 0)
