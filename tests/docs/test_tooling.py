"""The tools of the house: what size.py refuses, and that the Makefile has what the docs and the CI call for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONG = "def long():\n" + "    1\n" * 4
DOCUMENTED = 'def short():\n    """One.\n\n    Two.\n    """\n' + "    1\n" * 3


def size(tree: Path, **files: str) -> tuple[int, list[str]]:
    """Exit code and lines of size.py on a package of these modules. Limits: 9 a file, 4 a function, 6 a class, 2 for Lua."""
    (tree / "pyproject.toml").write_text("[tool.exqueue-size]\nfile = 9\nfunction = 4\nclass = 6\nlua = 2\n")
    (tree / "exqueue").mkdir()
    for name, source in files.items():
        (tree / "exqueue" / name.replace("_dot_", ".")).write_text(source)
    ran = subprocess.run([sys.executable, ROOT / "scripts" / "size.py", tree], capture_output=True, text=True)
    assert ran.stderr == ""
    return ran.returncode, ran.stdout.splitlines()


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("1\n" * 10, ":1 m.py 10 lines > 9"),
        ("1\n" + LONG, ":2 long 5 lines > 4"),
        ("class A:\n    async " + LONG.replace("\n    ", "\n        "), ":2 long 5 lines > 4"),
        ("class Big:\n" + "    1\n" * 6, ":1 Big 7 lines > 6"),
    ],
    ids=["file", "function", "method", "class"],
)
def test_what_is_too_long_is_named_with_its_place(tmp_path: Path, source: str, offence: str) -> None:
    assert size(tmp_path, m_dot_py=source) == (1, [f"exqueue/m.py{offence}"])


def test_lua_has_a_limit_of_its_own(tmp_path: Path) -> None:
    assert size(tmp_path, m_dot_py="1\n" * 3, s_dot_lua="return 1\n" * 3) == (1, ["exqueue/s.lua:1 s.lua 3 lines > 2"])


@pytest.mark.parametrize(
    "source",
    ["x = []", "x: dict[str, int] = {}", "x = {1}", "x = set()", "x = collections.deque()", "x = [n for n in y]", "if y:\n x = {}"],
)
def test_a_mutable_global_is_refused(tmp_path: Path, source: str) -> None:
    line = source.count("\n") + 1
    offence = f"exqueue/m.py:{line} x is a mutable global: make it Final, or hand it in"
    assert size(tmp_path, m_dot_py=source) == (1, [offence])


def test_a_global_statement_is_refused(tmp_path: Path) -> None:
    assert size(tmp_path, m_dot_py="def f():\n    global x\n    x = 1\n") == (1, ["exqueue/m.py:2 global x: hand it in"])


@pytest.mark.parametrize(
    "source",
    ["x: Final = {}", "x: typing.Final[list[int]] = []", "__all__ = []", "x = ()", "def f():\n x = []", "class A:\n x = []"],
)
def test_a_constant_is_no_state(tmp_path: Path, source: str) -> None:
    assert size(tmp_path, m_dot_py=source)[0] == 0


def test_a_docstring_does_not_make_a_function_long(tmp_path: Path) -> None:
    summary = "1 files, median 8 lines; 1 functions, median 4 lines, longest exqueue/m.py:1 short 4 lines"
    assert size(tmp_path, m_dot_py=DOCUMENTED) == (0, [summary])


def test_an_empty_tree_does_not_pass(tmp_path: Path) -> None:
    assert size(tmp_path) == (1, [f"nothing to measure in {tmp_path}"])


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on PATH")
def test_make_help_names_every_target_that_is_called_for() -> None:
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    told = subprocess.run(["make", "help"], cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"^  make ([a-z-]+)  ", told, re.MULTILINE))
    defined = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = set(re.findall(r"^\s*make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        code = re.findall(r"```.*?```|`[^`\n]+`", page.read_text("utf-8"), re.DOTALL)
        called |= set(re.findall(r"\bmake ([a-z-]+)", "\n".join(code)))
    assert {"check", "test"} <= called <= named == defined
