"""A server that is busy with a script of somebody else, forgets ours, or loads its data: work is held up, then goes on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from exqueue.model.errors import StoreUnavailable
from exqueue.model.job import Counts
from tests.bad_days.jobs import SAY, has_run, put
from tests.bad_days.server import BadServer
from tests.bad_days.test_full import run
from tests.runtime.rig import Rig

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def endless(server: BadServer, script: bytes) -> Iterator[socket.socket]:
    """The server runs a script without end; a way to it, on which it says that it is busy."""
    server.ask("CONFIG", "SET", "busy-reply-threshold", 1)
    with socket.socket(socket.AF_UNIX) as link, socket.socket(socket.AF_UNIX) as other:
        link.connect(str(server.socket))
        other.connect(str(server.socket))
        link.sendall(b'EVAL "%s" 0\r\n' % script)
        said = b""
        while not said.startswith(b"-BUSY"):
            other.sendall(b"PING\r\n")
            said = other.recv(1000)
        yield other


@pytest.mark.parametrize(
    "script", [b"while true do end", b"redis.call('SET', 'theirs', 1) while true do end"], ids=["reads", "has written"]
)
def test_while_a_script_of_somebody_else_runs_all_wait_and_then_go_on(server: BadServer, rig: Rig, script: bytes) -> None:
    rig.workers(SAY)
    runner = rig.start()
    put(rig.app, "slow")
    rig.until(lambda: rig.said == ["begin slow"] and len(rig.pids("Say")) == 2)
    pids = sorted(rig.pids("Say"))
    with endless(server, script) as way:
        rig.open_gate("slow")
        rig.until(lambda: rig.log.count("BUSY") >= 2)  # the process that settles, and the runner
        code, said = run(rig, "status")
        assert (code, said.count("\n"), "BUSY" in said) == (3, 1, True)
        way.sendall(b"SCRIPT KILL\r\n")
        answer = way.recv(1000)
        if answer.startswith(b"-UNKILLABLE"):
            way.sendall(b"SHUTDOWN NOSAVE\r\n")
            server.wait()
            server.start()
    put(rig.app, "next")
    rig.until(lambda: has_run(rig, "slow", "next"))
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=2, completed=2))
    assert (len(rig.said), sorted(rig.pids("Say")), rig.stop(runner)) == (4, pids, 0)


def test_scripts_that_are_forgotten_all_the_time_are_told_again(server: BadServer, rig: Rig) -> None:
    rig.workers(SAY)
    ids = [f"job{n}" for n in range(100)]
    rig.start()
    done = threading.Event()

    def flush() -> None:
        while not done.wait(0.002):
            server.ask("SCRIPT", "FLUSH")

    with ThreadPoolExecutor(1) as pool:
        flushing = pool.submit(flush)
        for job_id in ids:
            put(rig.app, job_id)
        rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=100, completed=100))
        done.set()
        flushing.result()
    assert (len(rig.said), "ERROR" in rig.log) == (200, False)


def test_a_server_that_loads_its_data_for_long_is_waited_for(server: BadServer, rig: Rig) -> None:
    rig.workers(SAY)
    runner = rig.start()
    put(rig.app, "slow")
    rig.until(lambda: rig.said == ["begin slow"] and len(rig.pids("Say")) == 2)
    pids = sorted(rig.pids("Say"))
    server.ask("MSET", *(word for n in range(400) for word in (f"theirs{n}", n)))
    server.ask("BGREWRITEAOF")
    rig.until(lambda: b"aof_rewrite_in_progress:0" in server.ask("INFO", "persistence") and "base.rdb" in str(server.sizes()))
    server.kill()
    rig.open_gate("slow")
    server.begin("--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024")
    near = server.app(patience=0, namespace=rig.app.settings.namespace)
    rig.until(server.socket.exists)
    with pytest.raises(StoreUnavailable, match="loading the dataset"):
        put(near, "refused")
    put(rig.app, "next")
    rig.until(lambda: has_run(rig, "slow", "next"))
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=2, completed=2))
    assert (len(rig.said), sorted(rig.pids("Say")), rig.stop(runner)) == (4, pids, 0)
    near.close()
