"""The README does what it says: its blocks run in their order, its tables agree with the code. The kit of the other pages."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import pytest

from exqueue.model.settings import Settings

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
FAULTS: Final = ROOT / "docs/faults.md"
PREFIX: Final = r"(?:[A-Z_]+=\S+ +)*"
TRIED: Final = re.compile(rf"{PREFIX}(?:exqueue|python|pytest)\b")
UNTIL_STOPPED: Final = re.compile(rf"{PREFIX}exqueue (?:--\S+ \S+ )*run (?!.*--burst)")
CHANGING: Final = (  # in this order: what differs from run to run, and what stands for it
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00)?", "<time>"),
    (r"\b[0-9a-f]{24}\b", "<id>"),
    (r"\[\d+\]", "[<pid>]"),
    (r"\b[\w.-]+:\d+(?=[\"\s]|$)", "<host>:<pid>"),
    (r"runner [0-9a-f]{10}", "runner <runner>"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file it is the content of: its first line is a comment that names one."""
        found = re.match(r"# ([\w./-]+\.(?:py|toml|txt|csv))\n", self.text)
        return found[1] if found else None

    @property
    def commands(self) -> list[Command]:
        """What is typed in it, and what is answered: `$ ` begins a command in a console, every line of sh is one."""
        if self.language == "sh":
            lines = [line for line in self.text.replace("\\\n", "").splitlines() if line and not line.startswith("#")]
            return [Command(line) for line in lines]
        made = []
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            typed, _, answer = part.partition("\n")
            keys = re.findall(r"^In \[\d+\]: (.*)\n", answer, re.MULTILINE)
            unechoed = re.sub(r"^(In \[\d+\]: ).*$", r"\1", answer, flags=re.MULTILINE)
            made.append(Command(typed, unechoed, "\n".join([*keys, ""]) if keys else ""))
        return made


@dataclass(frozen=True)
class Command:
    """A command line. `answer`: what the page shows of it, None if nothing; `keys`: what is typed into it."""

    line: str
    answer: str | None = None
    keys: str = ""


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text("utf-8")
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(match[1], match[2], text[: match.start()].count("\n") + 1) for match in found]


class Follower:
    """Somebody who does what a page says, in an empty directory, with the embedded server of that directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "work"
        self.directory.mkdir()
        tools = directory / "bin"
        tools.mkdir()
        for name, module in (("exqueue", "-m exqueue"), ("python", ""), ("pytest", "-m pytest -p no:cacheprovider")):
            (tools / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module} "$@"\n')
            (tools / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("EXQUEUE_", "PYTEST_"))}
        self._environment = {
            **kept,
            "PATH": f"{tools}:{kept['PATH']}",
            "PYTHONPATH": str(ROOT),
            "IPYTHONDIR": str(directory),
            "TERM": "dumb",
        }

    def follow(self, page: Path) -> None:
        """Do all of it."""
        for block in blocks(page):
            where = f"{page.name}:{block.line}"
            if block.file:
                self._write(block.file, block.text)
            elif block.language == "python":
                self._write("typed.py", block.text)
                self._run(where, Command("python typed.py"))
            elif block.language in ("sh", "console") and any(TRIED.match(command.line) for command in block.commands):
                for command in block.commands:
                    self._run(where, command)
        self._check_nothing_is_left(page)

    def _write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _run(self, where: str, command: Command) -> None:
        where = f"{where} {command.line!r}"
        if UNTIL_STOPPED.match(command.line):
            self._run_until_stopped(where, command.line)
            return
        ran = subprocess.run(
            ["bash", "-c", command.line], cwd=self.directory, env=self._environment, text=True, timeout=60,
            input=command.keys, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if command.answer is None:
            assert ran.returncode == 0, f"{where} ended with {ran.returncode}:\n{ran.stdout}"
        elif not _alike(command.answer, ran.stdout):
            pytest.fail(f"{where} shows\n{command.answer}\nbut answers\n{ran.stdout}")

    def _run_until_stopped(self, where: str, line: str) -> None:
        told = []
        with subprocess.Popen(
            ["bash", "-c", f"exec env {line}"], cwd=self.directory, env=self._environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        ) as runner:  # fmt: skip
            try:
                assert runner.stderr is not None
                for said in runner.stderr:
                    told.append(said)
                    if "worker processes for" in said:
                        runner.send_signal(signal.SIGTERM)
                log = "".join(told)
                assert (runner.wait(60), "worker processes for" in log) == (0, True), f"{where} ended with {runner.returncode}:\n{log}"
            finally:
                runner.kill()

    def _check_nothing_is_left(self, page: Path) -> None:
        for file in self.directory.rglob("server.pid"):
            if file.read_text():
                pid, _, started = file.read_text().strip().partition(" ")
                stat = Path(f"/proc/{pid}/stat")
                fields = stat.read_bytes().rpartition(b")")[2].split() if stat.exists() else []
                assert not fields or fields[0] == b"Z" or fields[19].decode() != started, f"{page.name} leaves a server behind"


def _alike(shown: str, answer: str) -> bool:
    for pattern, stands_for in CHANGING:
        shown, answer = re.sub(pattern, stands_for, shown), re.sub(pattern, stands_for, answer)
    return doctest.OutputChecker().check_output(shown, answer, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


def tables(page: Path) -> Iterator[list[list[str]]]:
    """The tables of a page: rows of cells, the head among them, the ruler left out."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()]
        yield [rows[0], *rows[2:]]


def table(page: Path, first: str) -> list[list[str]]:
    """The rows of the table whose first column is called so."""
    return next(found[1:] for found in tables(page) if found[0][0] == first)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_the_readme_says_can_be_done_as_it_stands(tmp_path: Path) -> None:
    Follower(tmp_path).follow(README)


def test_the_first_screen_of_the_readme_says_how_to_see_it_run_and_how_to_install_it() -> None:
    screen = "\n".join(README.read_text("utf-8").splitlines()[:40])
    assert [line for line in ("make demo", "make test", 'pip install "exqueue[embedded]"') if line not in screen] == []


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 200


def test_the_table_of_settings_has_all_settings_with_their_defaults() -> None:
    told = [(name, variable, default) for name, variable, default, _ in table(README, "setting")]
    assert told == [(f"`{field.name}`", f"`EXQUEUE_{field.name.upper()}`", f"`{_shown(field.default)}`") for field in fields(Settings)]


def test_the_table_of_kills_names_for_each_the_job_its_place_and_what_is_counted() -> None:
    rows = table(FAULTS, "what is killed")
    assert len(rows) >= 10
    assert [row[0] for row in rows if len(row) != 5 or not all(row)] == []


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_a_block_that_does_not_work_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ exqueue config --json\nno such thing\n```\n")
    with pytest.raises(pytest.fail.Exception, match="but answers"):
        Follower(tmp_path).follow(page)
