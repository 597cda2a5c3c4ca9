"""The plugin as a project of its user meets it: two fixtures, each test apart from the others, and next to no cost."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from exqueue.testing import plugin

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
Project = Callable[[str], pytest.RunResult]
LOOK = """
import json, sys, pytest
before = set(sys.modules)
import exqueue.testing.plugin
print(json.dumps(sorted(set(sys.modules) - before)))
"""
PRELUDE = """
import pytest, exqueue
from exqueue import Worker, enqueue
from exqueue.default import default_app
from exqueue.testing import TestApp, assert_enqueued

class Greet(Worker):
    def perform(self, name): pass

"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Run pytest on a test module with this in it, with no plugin but ours."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source: str) -> pytest.RunResult:
        pytester.makepyfile(test_project=PRELUDE + textwrap.dedent(source))
        return pytester.runpytest("-p", "no:cacheprovider", "-W", "error", plugins=[plugin])

    return run


def test_the_plugin_is_registered_for_pytest() -> None:
    entry_points = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["pytest11"]
    assert EntryPoint("exqueue", entry_points["exqueue"], "pytest11").load() is plugin


def test_it_loads_nothing_before_a_test_asks_for_it(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == ["exqueue", "exqueue.testing", "exqueue.testing.plugin"]


def test_each_test_has_an_app_of_its_own_which_stands_in_for_the_default_one(project: Project) -> None:
    ran = project("""
        @pytest.mark.parametrize("number", [1, 2])
        def test_one(exqueue_app, number):
            enqueue(Greet, number)
            assert default_app() is exqueue_app
            assert_enqueued(Greet, number, count=1)
            assert_enqueued(Greet, count=1)

        def test_another():
            assert not isinstance(default_app(), TestApp)
    """)
    ran.assert_outcomes(passed=3)


def test_what_must_always_hold_is_checked_after_the_test(project: Project) -> None:
    ran = project("""
        def test_one(exqueue_app):
            enqueue(Greet, "a")
            exqueue_app.channel.ask([("HSET", exqueue_app.store.keys("Greet")["bodies"], "x", "y")])

        def test_another():
            assert not isinstance(default_app(), TestApp)
    """)
    ran.assert_outcomes(passed=2, errors=1)
    ran.stdout.fnmatch_lines(["the jobs of this test are not as they must be:", "Greet: x has bodies, but no header"])


def test_inline_is_a_fixture_too(project: Project) -> None:
    ran = project("""
        @pytest.mark.usefixtures("exqueue_inline")
        def test_one():
            assert enqueue(Greet, "a").state() == "none"
    """)
    ran.assert_outcomes(passed=1)


def test_what_a_claim_says_is_what_pytest_shows(project: Project) -> None:
    ran = project("""
        def test_one(exqueue_app):
            enqueue(Greet, "a")
            assert_enqueued(Greet, "b")
    """)
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines([
        ">*assert_enqueued(Greet, *b*)", "E*AssertionError: no job of Greet with ('b') is enqueued; there are:", "E*pending     Greet('a')",
        "test_project.py:*: AssertionError",
    ])  # fmt: skip


@pytest.mark.parametrize("missing", ["fakeredis", "lupa"])
def test_what_is_missing_is_told_in_one_line(project: Project, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    ran = project("def test_one(exqueue_app): pass")
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines([f'the test kit needs fakeredis with Lua (import of {missing} halted*); run: pip install "exqueue*testing?"'])
