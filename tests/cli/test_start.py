"""Before anything is done: help for every command; importing exqueue loads little and starts nothing."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from exqueue import __version__
from exqueue.cli import lazy
from exqueue.model.schema import SCHEMA
from tests.cli.conftest import Command
from tests.cli.kit import ROOT, environment, run

COMMANDS = [
    "run", "enqueue", "status", "top", "events", "fsck", "config", "doctor", "health", "acl", "shell", "demo",
    "failed", "blocked", "queues", "jobs", "keys", "schedule",
]  # fmt: skip
WORDS = [
    *COMMANDS, "failed list", "failed show", "failed requeue", "failed delete", "blocked list", "blocked skip",
    "queues pause", "queues resume", "jobs list", "jobs show", "jobs cancel", "schedule list",
]  # fmt: skip
LOOK = """
import json, sys, threading
before, running = set(sys.modules), threading.active_count()
{what}
heavy = ("redis", "typer", "rich", "cloudpickle", "cronsim", "zoneinfo", "IPython", "asyncio", "hiredis")
loaded = [name for name in heavy if name in set(sys.modules) - before]
print(json.dumps([loaded, threading.active_count() - running]))
"""
HELP = """
from exqueue.cli.main import main
sys.argv = ["exqueue", "--help"]
try:
    main()
except SystemExit:
    pass
"""


def test_help_names_every_command(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    listed = [line.split()[0] for line in done.lines[done.lines.index("Commands:") + 1 :] if line]
    assert (done.code, done.err, listed) == (0, "", COMMANDS)


@pytest.mark.parametrize("words", WORDS)
def test_every_command_has_help(bare: Command, words: str) -> None:
    shown = bare(*words.split(), "--help")
    assert (shown.code, shown.err, shown.lines[0].split(" [")[0]) == (0, "", f"Usage: exqueue {words}")
    assert [line for line in shown.lines if line.startswith(("-", "failed", "blocked", "queues", "jobs")) and len(line.split()) < 2] == []


@pytest.mark.parametrize("words", [[], ["failed"], ["jobs"], ["schedule"]])
def test_a_command_alone_says_what_there_is(bare: Command, words: list[str]) -> None:
    shown = bare(*words)
    assert " ".join((shown.out + shown.err).split()).startswith(f"Usage: {' '.join(['exqueue', *words])} [OPTIONS] COMMAND [ARGS]...")


def test_help_loads_neither_redis_nor_any_command(tmp_path: Path) -> None:
    assert _look(HELP, tmp_path) == [["typer"], 0]


def test_the_version_is_one_line_and_loads_no_redis(bare: Command, tmp_path: Path) -> None:
    assert bare("--version").whole == (0, f"exqueue {__version__}, schema {SCHEMA}\n", "")
    assert _look(HELP.replace("--help", "--version"), tmp_path) == [["typer"], 0]


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__


@pytest.mark.parametrize(("name", "where", "text"), [(name, *row) for name, row in lazy.COMMANDS.items()], ids=lazy.COMMANDS)
def test_the_list_of_commands_says_of_each_what_it_says_of_itself(name: str, where: str, text: str) -> None:
    module, _, attribute = where.partition(":")
    said = inspect.getdoc(getattr(importlib.import_module(f"exqueue.cli.{module}"), attribute)) or ""
    assert attribute == "cli" or text == said.partition("\n\n")[0].replace("\n", " ")


def test_importing_exqueue_loads_neither_redis_nor_the_command_line(tmp_path: Path) -> None:
    assert _look("import exqueue", tmp_path) == [[], 0]


def test_a_module_that_enqueues_loads_neither_until_it_does(tmp_path: Path) -> None:
    names = "Worker, aenqueue, call, constant, cron, enqueue, enqueue_many, exponential, failed, secret"
    assert _look(f"from exqueue import {names}", tmp_path) == [[], 0]


def test_defining_a_worker_does_not_either(tmp_path: Path) -> None:
    defined = "from exqueue import Worker, constant, cron\nclass A(Worker):\n    backoff, schedule = constant(1), cron('0 7 * * *')"
    assert _look(defined, tmp_path) == [[], 0]


@pytest.mark.parametrize("what", ["from exqueue import Exqueue, enqueue", "import exqueue.cli.main", "import exqueue.runtime.runner"])
def test_importing_starts_nothing(tmp_path: Path, what: str) -> None:
    assert _look(what, tmp_path)[1] == 0
    assert list(tmp_path.iterdir()) == []


def test_an_app_that_is_not_used_starts_nothing(tmp_path: Path) -> None:
    assert _look("from exqueue import Exqueue\nExqueue()", tmp_path)[1] == 0
    assert list(tmp_path.iterdir()) == []


def _look(what: str, directory: Path) -> list[object]:
    """Which heavy modules are loaded, and how many threads started, by these lines in an empty directory."""
    done = subprocess.run([sys.executable, "-c", LOOK.format(what=what)], cwd=directory, env=environment(), capture_output=True, check=True)
    found: list[object] = json.loads(done.stdout.splitlines()[-1])
    return found
