"""`exqueue keys check` and `resign`, and where keys never show."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.model.settings import Settings
from exqueue.model.signing import Keys
from tests.cli.kit import Result, run

pytestmark = pytest.mark.slow

OLD, NEW = "the old key of this test", "the new key of this test"
OLD_ID, NEW_ID = Keys.parse(OLD).ids[0], Keys.parse(NEW).ids[0]
SHOP = "from exqueue import Worker\nclass Add(Worker):\n    def perform(self, a): pass\n"


class Desk:
    """A namespace of the embedded server, and commands with keys."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory, self.url, self.namespace = directory, url, f"t{uuid.uuid4().hex[:12]}"
        (directory / "shop.py").write_text(SHOP)

    def exq(self, keys: str, *words: str, text: str | None = None) -> Result:
        env = {"EXQUEUE_URL": self.url, "EXQUEUE_NAMESPACE": self.namespace, "EXQUEUE_SIGNING_KEYS": keys}
        return run(*words, cwd=self.directory, env=env, text=text)


@pytest.fixture
def desk(embedded_url: str, tmp_path: Path) -> Desk:
    made = Desk(tmp_path, embedded_url)
    made.exq(OLD, "enqueue", "shop:Add", "1", "--id", "a")
    return made


def test_a_check_says_what_would_not_run_and_a_resign_mends_it(desk: Desk) -> None:
    lost = desk.exq(NEW, "keys", "check")
    assert (lost.code, lost.lines) == (
        1, ["key jobs following results", f"{OLD_ID} (unknown here) 1 0 0", "1 job(s) would not run with these keys"],
    )  # fmt: skip
    assert desk.exq(NEW, "keys", "resign").whole == (1, "resigned 0 job(s)\nleft 1 that do not verify: see exqueue keys check\n", "")
    assert desk.exq(f"{NEW},{OLD}", "keys", "resign").whole == (0, "resigned 1 job(s)\n", "")
    found = desk.exq(NEW, "keys", "check", "--json")
    row = {"key": NEW_ID, "state": "signs", "jobs": 1, "following": 0, "results": 0}
    assert (found.code, found.json) == (0, {"keys": [row], "present": [NEW_ID], "not_run": 0})


def test_what_nobody_has_signed_is_signed_after_a_question_only(desk: Desk) -> None:
    app = Exqueue(settings=Settings(desk.url, desk.namespace), channel=Exqueue(desk.url).channel)
    app.channel.ask([("HSET", app.store.keys("Add")["bodies"], "a", b"\x01unsigned")])
    asked = desk.exq(OLD, "keys", "resign", "--unsigned")
    assert asked.refusal == (2, "", "exqueue: this would sign 1 unsigned job(s) or result(s) for good; add --yes")
    left = desk.exq(OLD, "keys", "resign", "--json")
    assert (left.code, left.json["unsigned"]) == (1, 1)
    assert desk.exq(OLD, "keys", "resign", "--unsigned", "--yes").whole == (0, "resigned 1 job(s)\n", "")
    assert desk.exq(OLD, "keys", "check").code == 0
    app.close()


def test_without_keys_there_is_nothing_to_sign_with(desk: Desk, redis_url: str) -> None:
    done = run("--url", redis_url, "keys", "resign", cwd=desk.directory)
    assert done.refusal == (2, "", "exqueue: there are no signing keys; set EXQUEUE_SIGNING_KEYS")


def test_a_check_of_an_embedded_server_makes_no_key(tmp_path: Path) -> None:
    done = run("keys", "check", cwd=tmp_path)
    assert (done.whole, (tmp_path / ".exqueue" / "signing.key").exists()) == ((0, "no jobs\n", ""), False)


def test_config_shows_how_many_keys_there_are_and_their_ids_and_no_more(tmp_path: Path) -> None:
    done = run("--verbose", "config", cwd=tmp_path, env={"EXQUEUE_SIGNING_KEYS": f"{NEW},{OLD}"})
    assert f"*** (2 keys: {NEW_ID}, {OLD_ID})" in done.out
    assert [word for word in (NEW, OLD, NEW.encode().hex()) if word in done.out + done.err] == []


def test_the_key_of_a_directory_is_shown_by_its_id(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    before = json.loads(run("config", "--json", cwd=tmp_path).out)["signing_keys"]
    run("enqueue", "shop:Add", "1", cwd=tmp_path)
    after = json.loads(run("config", "--json", cwd=tmp_path).out)["signing_keys"]
    made = Keys.parse((tmp_path / ".exqueue" / "signing.key").read_text().strip())
    assert (before, after) == ({"value": "none", "source": "default"}, {"value": repr(made), "source": "embedded server"})


@pytest.mark.parametrize("words", [("status",), ("--verbose", "run", "shop")])
def test_a_key_file_that_is_open_to_others_stops_every_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "jobs.key"
    path.write_text(f"{OLD}\n")
    path.chmod(0o644)
    done = run(*words, cwd=tmp_path, env={"EXQUEUE_SIGNING_KEYS": "file:jobs.key"})
    said = "the key file 'jobs.key' is open to others (mode 644); run: chmod 600 jobs.key"
    assert (done.code, said in done.err, OLD in done.err) == (2, True, False)
