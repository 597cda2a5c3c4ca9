"""Flag, then environment, then pyproject.toml, then default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exqueue.model.errors import ConfigError
from exqueue.model.settings import Settings, Sourced, load
from exqueue.model.signing import Keys

KEY = "the only key of this test"
DEFAULTS = dict.fromkeys(Settings.__slots__, "default")


def project(directory: Path, toml: str) -> Path:
    (directory / "pyproject.toml").write_text(toml)
    return directory


def refused(flags: dict[str, Any], environment: dict[str, str], directory: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(flags, environment, directory)
    return str(caught.value)


def test_without_any_source_all_is_default(tmp_path: Path) -> None:
    assert load({}, {}, tmp_path) == Sourced(Settings(), DEFAULTS)


def test_each_source_goes_before_the_next(tmp_path: Path) -> None:
    project(tmp_path, '[tool.exqueue]\nurl = "redis://file"\nnamespace = "file"\nlease = 7\n')
    environment = {"EXQUEUE_NAMESPACE": "environment", "EXQUEUE_LEASE": "8", "OTHER": "x"}
    assert load({"lease": 9, "url": None}, environment, tmp_path) == Sourced(
        Settings(url="redis://file", namespace="environment", lease=9.0),
        DEFAULTS | {"url": "pyproject.toml", "namespace": "EXQUEUE_NAMESPACE", "lease": "flag"},
    )


def test_every_setting_can_come_from_the_environment(tmp_path: Path) -> None:
    environment = {
        "EXQUEUE_URL": "redis://h", "EXQUEUE_NAMESPACE": "n", "EXQUEUE_LEASE": "1.5", "EXQUEUE_GRACE": "0", "EXQUEUE_KILL_AFTER": "3",
        "EXQUEUE_PATIENCE": "2", "EXQUEUE_MAX_BODY": "10", "EXQUEUE_ACCEPT_DATA_LOSS": "yes", "EXQUEUE_DURABILITY": "replicated",
        "EXQUEUE_REPLICAS": "2", "EXQUEUE_SIGNING_KEYS": KEY, "EXQUEUE_REDACT": "pin",
    }  # fmt: skip
    expected = Settings("redis://h", "n", 1.5, 0.0, 3.0, 2.0, 10, True, "replicated", 2, Keys.parse(KEY), "pin")
    assert load({}, environment, tmp_path).settings == expected


@pytest.mark.parametrize(("said", "meant"), [("1", True), ("True", True), ("on", True), ("0", False), ("no", False), ("false", False)])
def test_a_switch_takes_the_usual_words(tmp_path: Path, said: str, meant: bool) -> None:
    assert load({}, {"EXQUEUE_ACCEPT_DATA_LOSS": said}, tmp_path).settings.accept_data_loss is meant
    project(tmp_path, f"[tool.exqueue]\naccept_data_loss = {str(meant).lower()}\n")
    assert load({}, {}, tmp_path).settings.accept_data_loss is meant


def test_a_variable_that_is_empty_is_not_set(tmp_path: Path) -> None:
    assert load({}, {"EXQUEUE_URL": ""}, tmp_path) == Sourced(Settings(), DEFAULTS)


@pytest.mark.parametrize("toml", ["", "[tool]\n", "[tool.other]\nurl = 'x'\n", "[project]\nname = 'x'\n"])
def test_a_project_that_says_nothing_of_exqueue_changes_nothing(tmp_path: Path, toml: str) -> None:
    assert load({}, {}, project(tmp_path, toml)) == Sourced(Settings(), DEFAULTS)


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        ({"lease": "soon"}, {}, "flag: lease is 'soon'; it takes a number"),
        ({}, {"EXQUEUE_LEASE": "soon"}, "EXQUEUE_LEASE: lease is 'soon'; it takes a number"),
        ({}, {"EXQUEUE_MAX_BODY": "1.5"}, "EXQUEUE_MAX_BODY: max_body is '1.5'; it takes a number"),
        ({}, {"EXQUEUE_MAX_BODY": "inf"}, "EXQUEUE_MAX_BODY: max_body is 'inf'; it takes a number"),
        ({}, {"EXQUEUE_ACCEPT_DATA_LOSS": "maybe"}, "EXQUEUE_ACCEPT_DATA_LOSS: accept_data_loss is 'maybe'; it takes true or false"),
        ({"lease": 0.4}, {}, "lease is 0.4; it takes a number from 0.5"),
        ({"lease": float("nan")}, {}, "lease is nan; it takes a number from 0.5"),
        ({"grace": -1}, {}, "grace is -1.0; it takes a number from 0"),
        ({"kill_after": -1}, {}, "kill_after is -1.0; it takes a number from 0"),
        ({"patience": -1}, {}, "patience is -1.0; it takes a number from 0"),
        ({}, {"EXQUEUE_REDACT": "a b"}, "redact is 'a b'; it takes names of arguments, with * and ?, separated by commas"),
        ({"max_body": 0}, {}, "max_body is 0; it takes a number from 1"),
        ({"replicas": 0}, {}, "replicas is 0; it takes a number from 1"),
        ({}, {"EXQUEUE_REPLICAS": "1.5"}, "EXQUEUE_REPLICAS: replicas is '1.5'; it takes a number"),
        ({}, {"EXQUEUE_DURABILITY": "\x1b"}, "durability is '\\x1b'; it is local or replicated"),
        ({"namespace": "a b"}, {}, "namespace 'a b' is not a name: use 1 to 200 letters, digits and any of . _ : @ / -"),
        ({"namespace": "{q}"}, {}, "namespace '{q}' is not a name: use 1 to 200 letters, digits and any of . _ : @ / -"),
        ({"namespace": ""}, {}, "namespace '' is not a name: use 1 to 200 letters, digits and any of . _ : @ / -"),
    ],
)
def test_a_value_that_makes_no_sense_is_named_with_its_source(
    tmp_path: Path, flags: dict[str, Any], environment: dict[str, str], message: str
) -> None:
    assert refused(flags, environment, tmp_path) == message


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("x = ", "pyproject.toml cannot be read"),
        ("\x00", "pyproject.toml cannot be read"),
        ("[tool.exqueue]\nfoo = 1", "[tool.exqueue]: unknown setting 'foo'; known are url, namespace"),
        ("[tool.exqueue]\nlease = 'soon'", "pyproject.toml: lease is 'soon'; it takes a number"),
        ("[tool.exqueue]\nlease = []", "pyproject.toml: lease is []; it takes a number"),
        ("[tool.exqueue]\nmax_body = nan", "pyproject.toml: max_body is nan; it takes a number"),
        ("[tool.exqueue]\nmax_body = inf", "pyproject.toml: max_body is inf; it takes a number"),
        ("[tool.exqueue]\nnamespace = 5\nlease = 0", "lease is 0.0; it takes a number from 0.5"),
        ("tool = 1", "[tool.exqueue] must be a table of settings"),
        ("[tool]\nexqueue = 1", "[tool.exqueue] must be a table of settings"),
    ],
)
def test_a_project_file_that_makes_no_sense_gives_one_line(tmp_path: Path, toml: str, message: str) -> None:
    said = refused({}, {}, project(tmp_path, toml))
    assert (message in said, "\n" in said) == (True, False)


def test_a_project_file_that_is_not_utf_8_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    assert "pyproject.toml cannot be read" in refused({}, {}, tmp_path)


@pytest.mark.parametrize(("durability", "copies"), [("local", 0), ("replicated", 2)])
def test_replicas_count_where_jobs_shall_be_replicated(durability: str, copies: int) -> None:
    assert Settings(durability=durability, replicas=2).copies == copies


def test_half_a_replica_is_none() -> None:
    with pytest.raises(ConfigError, match=r"replicas is 1\.5; it takes a whole number"):
        Settings(replicas=1.5)  # type: ignore[arg-type]


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().lease = 1.0  # type: ignore[misc]
