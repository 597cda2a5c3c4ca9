"""`exqueue run` where workers cannot be loaded, or Redis cannot be used, goes away, is full, or holds something else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue import Worker
from exqueue.model.errors import EncodeError, StoreCorrupt
from exqueue.model.lifecycle import Place
from tests.cli.kit import Result, clear, soon
from tests.cli.yard import Runner, Yard, yard
from tests.store.servers import running

pytestmark = pytest.mark.slow

SHOP = """
import os
from exqueue import Worker

class Do(Worker):
    processes = 2

    def perform(self, name):
        with open("ran", "a") as file:
            file.write(f"{name} {os.getpid()}\\n")
"""
UNLOADABLE = {
    "nowhere": "cannot load 'nowhere': there is no module 'nowhere'; run it where `python -m nowhere` works",
    "raising": "cannot load 'raising': importing it failed: ValueError: no \\x1b[2Jdatabase (raising.py:2)",
    "leaving": "cannot load 'leaving': importing it failed: SystemExit: not today (leaving.py:2)",
    "shop:Gone": "cannot load 'shop:Gone': module shop has no 'Gone'; it has Do",
    "empty": "cannot load 'empty': there is no worker in it; define a class that inherits from exqueue.Worker and has perform",
    "shop.py": "cannot load 'shop.py': name a module, not a file: try shop",
}

REFUSED = "Error 111 connecting to localhost:1. Connection refused; is it running, is EXQUEUE_URL right?"


@pytest.fixture
def place(embedded_url: str, tmp_path: Path) -> Iterator[Yard]:
    for made in yard(tmp_path, embedded_url, f"t{uuid.uuid4().hex[:12]}"):
        made.write("shop", SHOP)
        yield made


@pytest.mark.parametrize("target", UNLOADABLE)
def test_a_runner_refuses_workers_that_cannot_be_loaded(place: Yard, target: str) -> None:
    place.write("raising", "\nraise ValueError('no\\n\\x1b[2Jdatabase')")
    place.write("leaving", "import sys\nsys.exit('not today')")
    place.write("empty", "")
    code, out, err = place.exq("run", target).refusal
    assert (code, out, err.replace(f"{place.directory}/", "")) == (2, "", f"exqueue: {UNLOADABLE[target]}")


def test_a_misspelt_option_is_told_once_and_the_jobs_run(place: Yard) -> None:
    place.write("shop", SHOP.replace("processes = 2", "processes = 2\n    prority = 3"))
    place.put("a", "a")
    log = place.burst("shop").err
    assert (log.count("WARNING"), log.count("Do.prority has no effect; did you mean priority?"), place.names()) == (1, 1, ["a"])


@pytest.mark.parametrize(
    ("source", "said"),
    [("import os; os._exit(3)", "importing the workers ended the process that did it, with status 3"),
     ("import os; os.kill(os.getpid(), 9)", "importing the workers ended the process that did it, with status -9"),
     ("raise KeyboardInterrupt", "cannot load 'deadly': importing it failed: KeyboardInterrupt: (DIR/deadly.py:1)")],
)  # fmt: skip
def test_a_module_that_kills_who_imports_it_is_refused(place: Yard, source: str, said: str) -> None:
    place.write("deadly", source)
    code, out, err = place.exq("run", "deadly", "--burst").refusal
    assert (code, out, " ".join(err.replace(str(place.directory), "DIR").split())) == (2, "", f"exqueue: {said}")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--processes", "Gone=3"], "--processes Gone: there is no such worker; there are Do"),
     (["--processes", "Do"], "--processes 'Do': use WORKER=N, for example SyncInvoices=3"),
     (["--processes", "Do=-1"], "--processes 'Do=-1': use WORKER=N, for example SyncInvoices=3")],
)  # fmt: skip
def test_a_runner_refuses_processes_of_no_worker(place: Yard, words: list[str], said: str) -> None:
    assert place.exq("run", "shop", *words).refusal == (2, "", f"exqueue: {said}")


def test_a_runner_that_cannot_reach_redis_ends_with_one_line(place: Yard) -> None:
    done = place.exq("--url", "redis://:secret@localhost:1/0", "run", "shop")
    assert done.refusal == (3, "", f"exqueue: cannot reach Redis at redis://***@localhost:1/0: {REFUSED}")


def test_a_job_that_is_too_large_is_refused_before_anything_is_written(place: Yard) -> None:
    class Add(Worker):
        def perform(self, text: str) -> None: ...

    with pytest.raises(
        EncodeError, match=r"^the arguments of Add are 20,\d+,\d+ bytes pickled, more than max_body = 16,777,216; pass a path"
    ):
        place.app.enqueue(Add, "x" * 20_000_000)
    assert place.app.queues() == []


def test_a_runner_that_is_told_to_stop_while_its_processes_are_born_stops_at_once(place: Yard) -> None:
    with place.start("shop", "--processes", "Do=8", "--grace", "15") as runner:
        runner.has_logged("8 worker processes")
        runner.process.terminate()
        assert (runner.process.wait(10), "Exception ignored" in runner.log) == (0, False)


def test_a_key_of_another_type_is_named_once_and_survived(place: Yard) -> None:
    key = place.keys["pending"]
    with place.start() as runner:
        pids = soon(lambda: place.pids() if len(place.pids()) == 2 else None)
        place.ask("SET", key, "mine")
        runner.has_logged(f"somebody else writes to it ({key} is a string); delete it, or rename it to what begins otherwise, then run", 2)
        place.ask("DEL", key)
        place.put("a", "a")
        soon(lambda: place.names() == ["a"])
        soon(lambda: len(told(runner)) == len(re.findall(r"INFO .* (?:answers|can .*) again$", runner.log, re.MULTILINE)))
        assert place.pids() == pids
        assert [line for line in told(runner) if f"({key} is a string)" not in line] == []


def told(runner: Runner) -> list[str]:
    """The errors in the log of a runner."""
    return [line for line in runner.log.splitlines() if " ERROR " in line]


def test_who_waits_at_a_key_of_another_type_names_it(place: Yard) -> None:
    place.ask("SET", place.keys["pending"], "mine")
    with pytest.raises(StoreCorrupt, match="pending"):
        place.app.store.wait(place.queue, "slot", 0.1, None)


def test_jobs_go_on_when_the_server_was_killed_and_is_back(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    place = Yard(tmp_path, f"embedded:{tmp_path / 'data'}", "ns")
    place.write("shop", SHOP)
    place.put("before", "before")
    with place.start() as runner:
        soon(lambda: place.left() == {"completed": 1, "enqueued": 1})
        soon(lambda: b"aof_buffer_length:0" in place.ask("INFO", "persistence"))
        pids = soon(lambda: place.pids() if len(place.pids()) == 2 else None)
        os.kill(int((tmp_path / "data" / "server.pid").read_text().split()[0]), signal.SIGKILL)
        place.put("after", "after")
        soon(lambda: place.names() == ["before", "after"])
        soon(lambda: place.left() == {"completed": 2, "enqueued": 2})
        assert (place.pids(), place.wrong()) == (pids, [])
    assert runner.process.returncode == 0
    place.app.close()
    assert clear(tmp_path) == {}


@pytest.fixture(params=["redis", "valkey"])
def alone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Yard]:
    """On a server that is this test's alone."""
    with running(request.param) as server:
        for made in yard(tmp_path, server.url(), "ns"):
            made.write("shop", SHOP)
            made.put("first", "first")
            made.put("second", "second")
            yield made


def server_of(place: Yard) -> int:
    """The pid of the server."""
    return int(place.app.reader.server_info()["process_id"])


def test_an_outage_longer_than_the_lease_is_sat_out(alone: Yard) -> None:
    pid = server_of(alone)
    with alone.start("shop", "--lease", "2") as runner:
        soon(lambda: sorted(alone.names()) == ["first", "second"])
        soon(lambda: alone.left() == {"completed": 2, "enqueued": 2})  # else the one that is not settled yet runs again
        os.kill(pid, signal.SIGSTOP)
        runner.has_logged("no beat for")
        with pytest.raises(subprocess.TimeoutExpired):
            runner.process.wait(1.5)
        os.kill(pid, signal.SIGCONT)
        alone.put("third", "third")
        soon(lambda: alone.left() == {"completed": 3, "enqueued": 3})
        assert (sorted(alone.names()), runner.log.count("no beat for")) == (["first", "second", "third"], 1)


def test_a_full_server_does_not_stop_a_runner(alone: Yard) -> None:
    alone.burst()
    alone.put("held", "held", delay=2500)
    with alone.start("shop", "--lease", "2") as runner:
        soon(lambda: len(alone.pids()) == 2)
        alone.ask("CONFIG", "SET", "maxmemory", 1)
        soon(lambda: "held" in alone.names())
        soon(lambda: alone.left() == {"completed": 3, "enqueued": 3})
        assert [line for line in runner.log.splitlines() if " ERROR " in line] == []
        alone.ask("CONFIG", "SET", "maxmemory", 0)


def refused(done: Result) -> tuple[int, str, str]:
    """What is said, up to the words of Redis itself."""
    code, out, err = done.refusal
    return code, out, err.partition(" (")[0]


def test_a_full_server_refuses_new_jobs_and_is_drained(alone: Yard) -> None:
    alone.ask("CONFIG", "SET", "maxmemory", 1)
    said = f"exqueue: Redis at {alone.app.settings.url} refuses: its memory is full; free some or raise maxmemory"
    assert refused(alone.exq("enqueue", "shop", "third")) == (3, "", said)
    alone.burst()
    alone.ask("CONFIG", "SET", "maxmemory", 0)
    assert (sorted(alone.names()), alone.left()) == (["first", "second"], {"completed": 2, "enqueued": 2})


@pytest.mark.parametrize("words", ["enqueue shop third", "run shop", "jobs cancel first"])
def test_a_read_only_replica_is_named_on_one_line(alone: Yard, words: str) -> None:
    alone.ask("REPLICAOF", "127.0.0.1", "1")
    said = f"exqueue: Redis at {alone.app.settings.url} refuses: it is a read-only replica; connect to the primary"
    assert refused(alone.exq(*words.split())) == (3, "", said)
    alone.ask("REPLICAOF", "NO", "ONE")
    assert alone.hold(Place.PENDING) == ["first", "second"]
