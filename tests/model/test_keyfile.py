"""Keys come from files that nobody else can read; an embedded server's directory makes its own, once."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exqueue.model import keyfile
from exqueue.model.errors import ConfigError
from exqueue.model.keyfile import NAME, made_keys, read_keys
from exqueue.model.settings import Settings, keys_of, load
from exqueue.model.signing import NO_KEYS, Keys

KEY, OTHER = "0123456789abcdef", "another key, with a comma in it"


def written(directory: Path, text: str, mode: int = 0o600) -> Path:
    path = directory / "jobs.key"
    path.write_text(text)
    path.chmod(mode)
    return path


def said(act: Callable[[], object]) -> str:
    """The one line of an error, in which no key is."""
    with pytest.raises(ConfigError) as caught:
        act()
    text = str(caught.value)
    assert ("\n" in text, KEY in text, OTHER in text) == (False, False, False)
    return text


def test_a_file_has_a_key_a_line_and_may_say_what_they_are(tmp_path: Path) -> None:
    assert read_keys(written(tmp_path, f"# ours, of 2026\n{OTHER}\r\n\n  {KEY}\n")) == Keys([OTHER.encode(), KEY.encode()])


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_that_only_its_owner_reads_is_read(tmp_path: Path, mode: int) -> None:
    assert read_keys(written(tmp_path, KEY, mode)) == Keys.parse(KEY)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666, 0o610, 0o777])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, KEY, mode)
    assert said(lambda: read_keys(path)) == f"the key file {str(path)!r} is open to others (mode {mode:03o}); run: chmod 600 {path}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "is no file"),
        (os.mkfifo, "is no file"),
        (lambda path: (path.touch(), path.chmod(0o600)), "holds no keys; write one a line, of 16 bytes or more"),
        (lambda path: (path.write_text(f"{KEY}\nshort\n"), path.chmod(0o600)), "signing key 2 has 5 bytes; it takes 16 or more"),
    ],
    ids=["missing", "directory", "pipe", "empty", "short"],
)
def test_what_is_no_file_of_keys_is_refused_in_one_line(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "jobs.key"
    make(path)
    assert message in said(lambda: read_keys(path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, KEY)
    os.chown(path, 12345, -1)
    assert "belongs to user 12345" in said(lambda: read_keys(path))


def test_keys_come_from_the_environment_or_from_a_file_that_a_setting_names(tmp_path: Path) -> None:
    path = written(tmp_path, OTHER)
    from_text = load({}, {"EXQUEUE_SIGNING_KEYS": f"{KEY},fedcba9876543210"}, tmp_path).settings.signing_keys
    from_file = load({}, {"EXQUEUE_SIGNING_KEYS": f"file:{path}"}, tmp_path).settings.signing_keys
    (tmp_path / "pyproject.toml").write_text('[tool.exqueue]\nsigning_keys = "file:jobs.key"\n')
    sourced = load({}, {}, tmp_path)
    assert (from_text, from_file, sourced.settings.signing_keys) == (Keys.parse(f"{KEY},fedcba9876543210"), *[Keys([OTHER.encode()])] * 2)
    assert sourced.sources["signing_keys"] == "pyproject.toml"


@pytest.mark.parametrize("value", [f'"{KEY}"', f'["{KEY}"]', "5"])
def test_a_repository_holds_no_key(tmp_path: Path, value: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.exqueue]\nsigning_keys = {value}\n")
    assert "takes only file:PATH here: a key in a repository is no secret" in said(lambda: load({}, {}, tmp_path))


def test_a_key_that_is_too_short_is_not_told(tmp_path: Path) -> None:
    assert said(lambda: load({}, {"EXQUEUE_SIGNING_KEYS": "hunter2"}, tmp_path)) == (
        "EXQUEUE_SIGNING_KEYS: signing key 1 has 7 bytes; it takes 16 or more, best random ones"
    )


@pytest.mark.parametrize("text", ["/etc/exqueue/jobs.key", "./secrets/jobs.key", "../secrets/jobs.key", "~/secrets/jobs.key",
                                  "a-file-that-is-there", f"{KEY}, /run/secrets/signing", "/a,b/c/d/e/f/g/h/jobs"])  # fmt: skip
def test_a_path_without_file_before_it_is_not_taken_for_a_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "a-file-that-is-there").write_text(KEY)
    assert said(lambda: load({}, {"EXQUEUE_SIGNING_KEYS": text}, tmp_path)) == (
        "EXQUEUE_SIGNING_KEYS: it looks like a path; write file:PATH for the keys in a file, and put a key that looks so into one"
    )


@pytest.mark.parametrize("text", ["/9j+4AAQSkZJRgABAQEAYABgAAD/2wBDAAMCAgMCAgM=", "x" * 5000, "a/key/with/slashes", "a-key.with-a-dot"])
def test_a_key_that_is_no_path_is_taken_as_it_stands(tmp_path: Path, text: str) -> None:
    assert load({}, {"EXQUEUE_SIGNING_KEYS": text}, tmp_path).settings.signing_keys == Keys([text.encode()])


@pytest.mark.parametrize("text", ["", " ", ","])
def test_a_secret_that_was_not_filled_in_is_not_taken_for_none(tmp_path: Path, text: str) -> None:
    assert said(lambda: load({}, {"EXQUEUE_SIGNING_KEYS": text}, tmp_path)) == (
        "EXQUEUE_SIGNING_KEYS: there is no key in it; if a secret was to be filled in, see why it was not; write none for no keys"
    )


def test_no_keys_are_what_none_says(tmp_path: Path) -> None:
    assert load({}, {"EXQUEUE_SIGNING_KEYS": "none"}, tmp_path).settings.signing_keys == NO_KEYS


def test_the_directory_of_an_embedded_server_makes_one_key_that_stays(tmp_path: Path) -> None:
    settings = Settings(url=f"embedded:{tmp_path}/new/data")
    assert (keys_of(settings, make=False), (tmp_path / "new").exists()) == (NO_KEYS, False)
    made = keys_of(settings)
    path = tmp_path / "new" / "data" / NAME
    assert (len(made.ids), keys_of(settings), keys_of(settings, make=False), os.listdir(path.parent)) == (1, made, made, [NAME])
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert re.fullmatch(r"[0-9a-f]{64}\n", path.read_text())


def test_keys_that_are_set_go_before_those_of_a_directory_and_no_other_server_has_any(tmp_path: Path) -> None:
    mine = Keys.parse(KEY)
    assert (keys_of(Settings(url=f"embedded:{tmp_path}", signing_keys=mine)), keys_of(Settings(url="redis://h")), os.listdir(tmp_path)) == (
        mine, NO_KEYS, [],
    )  # fmt: skip


def test_whoever_dies_while_making_a_key_leaves_none_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise OSError(5, "Input/output error")

    for step in ("fsync", "link"):
        with monkeypatch.context() as patch:
            patch.setattr(keyfile.os, step, die)
            assert "cannot make the key file" in said(lambda: made_keys(tmp_path))
            assert not (tmp_path / NAME).exists()
    assert len(made_keys(tmp_path).ids) == 1


@pytest.mark.slow
def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from exqueue.model.keyfile import made_keys; print('ready', flush=True)\n"
        "while not Path(sys.argv[2]).exists(): pass\n"
        "print(made_keys(Path(sys.argv[1])).ids[0])"
    )
    data, gate = tmp_path / "data", tmp_path / "gate"
    racers = [subprocess.Popen([sys.executable, "-c", code, data, gate], stdout=subprocess.PIPE, text=True) for _ in range(8)]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    gate.touch()
    found = {racer.communicate(timeout=30)[0] for racer in racers}
    assert ([racer.returncode for racer in racers], len(found), os.listdir(data)) == ([0] * 8, 1, [NAME])
