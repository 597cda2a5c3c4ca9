"""`exqueue enqueue`: one job from the command line, or one line that says why not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.cli.enqueue import parse_arguments
from exqueue.model.errors import StoreUnavailable
from exqueue.store.channel import Channel
from tests.cli.conftest import Command
from tests.cli.kit import places
from tests.store.servers import running

SHOP = """
from exqueue import Worker

class Add(Worker):
    def perform(self, a, b=2, *rest, full=False): pass

class Pay(Worker):
    def perform(self): pass

class NoWorker: pass
"""
MODULES = {
    "shop": SHOP,
    "single": "from exqueue import Worker\nclass Only(Worker):\n    def perform(self): pass\n",
    "typo": "def (",
    "raising": "\n\nraise ValueError('no\\n\\x1b[2Jdatabase')",
    "leaving": "import sys\nsys.exit('not today')",
    "lacking": "import there_is_no_such_module",
    "empty": "",
    "wrong": "from exqueue import Worker\nclass Bad(Worker):\n    max_retries = -1\n    def perform(self): pass\n",
}
TOO_LARGE = "the arguments of Add are N bytes pickled, more than max_body = 1,000; pass a path or a key instead, or raise EXQUEUE_MAX_BODY"


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Worker modules in the current directory, forgotten at the end."""
    for name, source in MODULES.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


def test_it_prints_the_id_of_a_job_that_is_in_redis(exq: Command, app: Exqueue) -> None:
    done = exq("enqueue", "shop:Add", "42", "full=True", "plain")
    assert (done.code, done.err, places(app)) == (0, "", {"Add pending": [done.out.strip()]})
    assert app.job(done.out.strip()).record().header.args == "42, 'plain', full=True"


def test_the_same_id_twice_is_one_job(exq: Command, app: Exqueue) -> None:
    told = [exq("enqueue", "shop:Add", "1", "--id", "inv-42", "--json").json for _ in range(2)]
    assert told == [{"id": "inv-42", "queue": "Add", "new": new} for new in (True, False)]
    assert places(app) == {"Add pending": ["inv-42"]}


def test_a_delay_lets_it_wait(exq: Command, app: Exqueue) -> None:
    exq("enqueue", "shop:Add", "1", "--id", "later", "--delay", "60")
    assert places(app) == {"Add delayed": ["later"]}


def test_it_takes_the_times_that_options_take(exq: Command, app: Exqueue) -> None:
    exq("enqueue", "shop:Add", "1", "--id", "a", "--timeout", "30", "--expires", "60", "--keep-result", "0")
    found = app.job("a").record()
    left = found.terms.expires - app.reader.now_ms()
    assert (found.header.timeout, found.header.keep, 0 < left <= 60_000) == (30.0, 0.0, True)


def unconfirmed(job: str) -> str:
    return f"exqueue: job {job} is written, but 0 of 1 replicas have confirmed it in time; enqueue again with the same id: --id {job}"


def test_what_no_replica_confirms_can_be_asked_for_again(bare: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DURABILITY": "replicated", "REPLICAS": "1", "PATIENCE": "0"}.items():
        monkeypatch.setenv(f"EXQUEUE_{name}", value)
    with running("redis") as server:
        code, out, err = bare("--url", server.url(), "enqueue", "shop:Add", "1").refusal
        job = err.rpartition(" ")[2]
        again = bare("--url", server.url(), "enqueue", "shop:Add", "1", "--id", job).refusal
        app = Exqueue(server.url(), namespace="exq")
        assert ((code, out, err), again, places(app)) == ((3, "", unconfirmed(job)), (3, "", unconfirmed(job)), {"Add pending": [job]})
        app.close()


def test_what_got_no_answer_can_be_asked_for_again(exq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise StoreUnavailable("no answer", uncertain=True)

    said = "exqueue: no answer; the job may be there all the same: enqueue it again with the same id: --id a"
    with monkeypatch.context() as outage:
        outage.setattr(Channel, "run", lost)
        assert exq("enqueue", "shop:Add", "1", "--id", "a").refusal == (3, "", said)


def test_a_module_with_one_worker_needs_no_name(exq: Command, app: Exqueue) -> None:
    exq("enqueue", "single", "--id", "a")
    assert places(app) == {"Only pending": ["a"]}


def test_what_begins_with_a_dash_comes_after_two(exq: Command, app: Exqueue) -> None:
    exq("enqueue", "shop:Add", "--id", "a", "--", "-5")
    assert app.job("a").record().header.args == "-5"


@pytest.mark.parametrize(
    ("texts", "parsed"),
    [([], ([], {})), (["42", "4.5", "None", "[1, 'a']"], ([42, 4.5, None, [1, "a"]], {})),
     (["plain", "two words", "__import__('os')"], (["plain", "two words", "__import__('os')"], {})),
     (["full=True", "name=Ann"], ([], {"full": True, "name": "Ann"})), (["a b=1", "==", "1=2"], (["a b=1", "==", "1=2"], {})),
     (["q=a=b", "empty="], ([], {"q": "a=b", "empty": ""})), (["(" * 9999], (["(" * 9999], {})),
     (["-" * 99_999 + "1"], (["-" * 99_999 + "1"], {}))],
)  # fmt: skip
def test_arguments_are_python_literals_else_text(texts: list[str], parsed: Any) -> None:
    assert parse_arguments(texts) == parsed


@pytest.mark.parametrize(
    ("words", "said"),
    [("shop:Add", "Add.perform(a, b=2, *rest, full=False): missing a required argument: 'a'"),
     ("shop:Add 1 fool=True", "Add.perform(a, b=2, *rest, full=False): got an unexpected keyword argument 'fool'"),
     ("shop:Pay 1", "Pay.perform(): too many positional arguments"),
     ("shop", "shop has several workers; say which: shop:Add"),
     ("shop:Gone", "cannot load 'shop:Gone': module shop has no 'Gone'; it has Add, Pay"),
     ("shop:NoWorker", "<class 'shop.NoWorker'> is not a worker: pass a class that inherits from exqueue.Worker"),
     ("shop.py:Add", "cannot load 'shop.py:Add': name a module, not a file: try shop"),
     ("nowhere", "cannot load 'nowhere': there is no module 'nowhere'; run it where `python -m nowhere` works"),
     ("nowhere.to.be", "cannot load 'nowhere.to.be': there is no module 'nowhere'; run it where `python -m nowhere.to.be` works"),
     ("lacking", "cannot load 'lacking': importing it failed: No module named 'there_is_no_such_module' (lacking.py:1)"),
     ("raising", "cannot load 'raising': importing it failed: ValueError: no \\x1b[2Jdatabase (raising.py:3)"),
     ("leaving", "cannot load 'leaving': importing it failed: SystemExit: not today (leaving.py:2)"),
     ("empty", "cannot load 'empty': there is no worker in it; define a class that inherits from exqueue.Worker and has perform"),
     ("wrong", "cannot load 'wrong': Bad.max_retries is -1; it takes a whole number from 0"),
     ("shop:Add 1 --id a{b", "job id 'a{b' is not a name: use 1 to 200 letters, digits and any of . _ : @ / -"),
     ("shop:Add 1 --timeout 0", "timeout is 0.0; it takes seconds above 0, a timedelta, or None for no limit"),
     ("shop:Add 1 --expires 0", "expires is 0.0; it takes seconds above 0"),
     ("shop:Add 1 --keep-result -1", "keep_result is -1.0; it takes seconds or a timedelta, 0 for not at all"),
     ("shop:Add 1 --delay 1e99", "delay is 1e+99; it takes seconds from now on, 0 for at once")],
)  # fmt: skip
def test_what_cannot_be_enqueued_is_refused_on_one_line(exq: Command, app: Exqueue, tmp_path: Path, words: str, said: str) -> None:
    code, out, err = exq("enqueue", *words.split()).refusal
    assert (code, out, re.sub(rf"{re.escape(str(tmp_path))}/", "", err)) == (2, "", f"exqueue: {said}")
    assert places(app) == {}


@pytest.mark.parametrize(("target", "said"), [("typo", "SyntaxError: "), (":", ""), ("", ""), ("..shop", ""), ("shop\n:Add", "")])
def test_a_target_that_python_refuses_is_named(exq: Command, target: str, said: str) -> None:
    code, out, err = exq("enqueue", target).refusal
    assert (code, out, err.startswith(f"exqueue: cannot load {target!r}: {'importing it failed: ' if said else ''}{said}")) == (2, "", True)


def test_arguments_that_are_too_large_are_refused(exq: Command, app: Exqueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXQUEUE_MAX_BODY", "1000")
    code, out, err = exq("enqueue", "shop:Add", "x" * 2000).refusal
    assert (code, out, re.sub(r"2,0\d\d bytes", "N bytes", err)) == (2, "", f"exqueue: {TOO_LARGE}")
    assert places(app) == {}


@pytest.mark.parametrize(("word", "told"), [("-3", True), ("-.5", True), ("--dealy", False), ("-x", False)])
def test_of_a_negative_number_it_is_said_how_to_write_it(exq: Command, word: str, told: bool) -> None:
    shown = exq("enqueue", "tests.model.workers:Add", word)
    assert (shown.code, "a negative number stands behind --" in " ".join(shown.err.split())) == (2, told)


def test_a_negative_number_behind_two_dashes_is_an_argument(exq: Command, app: Exqueue) -> None:
    job_id = exq("enqueue", "tests.model.workers:Add", "--", "-3").out.strip()
    assert app.job(job_id).record().header.args == "-3"
