"""Jobs, workers and queues that are not as they should be: a clear error, a process that goes on, and nothing lost."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.kit import RAW
from tests.cli.yard import Yard, yard

pytestmark = pytest.mark.slow

SHOP = """
import asyncio, os, threading
from exqueue import Worker

class Do(Worker):
    max_retries = 0

    def perform(self, what, *args):
        return globals()[what](*args)

def fine(name):
    with open("ran", "a") as file:
        file.write(f"{name} {os.getpid()}\\n")

def error(): raise ValueError("no such customer")
def leaves(): raise SystemExit(3)
def interrupts(): raise KeyboardInterrupt
def cancels(): raise asyncio.CancelledError
def huge(): raise ValueError("x" * 5_000_000)
def hostile(): raise ValueError("[red]\\x1b[2J\\ud800\\r\\n2026-11-23 08:00:00 ERROR forged")
def deep(): return deep()
def lock(): return threading.Lock()
def late():
    async def coroutine(): raise ValueError("too late")
    return coroutine()

class Unpicklable(Exception):
    def __init__(self):
        super().__init__("holds a lock")
        self.lock = threading.Lock()
def unpicklable(): raise Unpicklable

class Mute(Exception):
    def __str__(self): raise ValueError("ha")
def mute(): raise Mute

class Quitter(Exception):
    def __str__(self): raise SystemExit(1)
def quitter(): raise Quitter

class Nameless(Exception): pass
Nameless.__module__ = 5
Nameless.__qualname__ = "N" * 5000
def nameless(): raise Nameless("who")

def noted():
    error = ValueError("look at my notes")
    error.__notes__ = 5
    error.__cause__ = error
    raise error
"""
SHOWN = "(its message cannot be shown: __str__ raised)"
RAISED = {
    "error": ("error", "ValueError", "no such customer"),
    "leaves": ("error", "SystemExit", "3"),
    "interrupts": ("error", "KeyboardInterrupt", ""),
    "cancels": ("error", "asyncio.exceptions.CancelledError", ""),
    "huge": ("error", "ValueError", "x" * 999 + "…"),
    "hostile": ("error", "ValueError", "[red]\x1b[2J\ud800\r\n2026-11-23 08:00:00 ERROR forged"),
    "deep": ("error", "RecursionError", "maximum recursion depth exceeded"),
    "late": ("error", "ValueError", "too late"),
    "unpicklable": ("error", "shop.Unpicklable", "holds a lock"),
    "mute": ("error", "shop.Mute", SHOWN),
    "quitter": ("error", "shop.Quitter", SHOWN),
    "nameless": ("error", "5." + "N" * 197 + "…", "who"),
    "noted": ("error", "ValueError", "look at my notes"),
    "lost": ("error", "KeyError", "'lost'"),
}
CALL = b"\x01" + pickle.dumps((("fine", "never"), {}))
BODIES = {
    "empty": (b"", "no_body", "the job has no body; delete it, or enqueue it again"),
    "format": (b"\x07junk", "no_body", "the job has a body in an unknown format; delete it, or enqueue it again"),
    "truncated": (CALL[:-9], "bad_body", "its arguments cannot be unpickled: "),
    "junk": (b"\x01junk", "bad_body", "its arguments cannot be unpickled: "),
    "number": (b"\x01" + pickle.dumps(5), "bad_body", "its body holds something else than a call; delete it, or enqueue it again"),
    "three": (b"\x01" + pickle.dumps(((), {}, 1)), "bad_body", "its body holds something else than a call; delete it, or enqueue it again"),
    "lists": (b"\x01" + pickle.dumps(([], [])), "bad_body", "its body holds something else than a call; delete it, or enqueue it again"),
    "exit": (b"\x01cbuiltins\nexit\n.", "bad_body", "its body holds something else than a call; delete it, or enqueue it again"),
    "exits": (b"\x01cbuiltins\nexit\n(I3\ntR.", "bad_body", "its arguments cannot be unpickled: SystemExit: 3; written by Python 3.x"),
    "gone": (b"\x01cgone.module\nThing\n.", "bad_body", "its arguments cannot be unpickled: ModuleNotFoundError: No module named 'gone'; "),
    "other": (b"\x02" + pickle.dumps((None, (), {})), "incompatible", "its code was pickled by Python 3.x, this is "),
}
WORKERS = {
    "no class": ("shop:Gone", "worker 'shop:Gone' cannot be imported: AttributeError: module 'shop' has no attribute 'Gone'; deploy it, "),
    "no module": ("gone:Do", "worker 'gone:Do' cannot be imported: ModuleNotFoundError: No module named 'gone'; deploy it, "),
    "no name": ("", "worker '' cannot be imported: ValueError: Empty module name; deploy it, then requeue the job"),
    "function": ("shop:fine", "'shop:fine' is not a worker (any more); deploy it, then requeue the job"),
    "broken": ("broken:Do", "worker 'broken:Do' cannot be imported: ZeroDivisionError: division by zero; deploy it, then requeue the job"),
    "leaving": ("leaving:Do", "worker 'leaving:Do' cannot be imported: SystemExit: not today; deploy it, then requeue the job"),
    "no init": ("shop:NoInit", "its worker cannot be made: TypeError: "),
}
FOREIGN = {
    "pending": ("RPUSH", "who are you?"),
    "binary": ("RPUSH", "\udcff\udcfe\x00\x1b[2J"),
    "delayed": ("ZADD", "never enqueued"),
}
NO_JOB = "the job cannot be run: its id was found in a list of the queue, but there is no such job; delete it, or enqueue it again"


@pytest.fixture(scope="module")
def after(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """All of these in one queue, each with a good neighbour, after one process has had to do with them all."""
    for made in yard(tmp_path_factory.mktemp("bad"), embedded_url, f"t{uuid.uuid4().hex[:12]}"):
        made.write("shop", SHOP + "class NoInit(Do):\n    queue = 'elsewhere'\n    processes = 0\n    def __init__(self, x): pass\n")
        made.write("broken", "1 / 0")
        made.write("leaving", "import sys; sys.exit('not today')")
        for name in [*RAISED, "lock"]:
            _with_neighbour(made, name, name)
        for name, (body, _, _) in BODIES.items():
            _with_neighbour(made, name, body=body)
        for name, (worker, _) in WORKERS.items():
            _with_neighbour(made, name, worker=worker)
        _with_neighbour(made, "headless")
        made.ask("HSET", made.keys["jobs"], "headless", "{not json")
        for place, (command, job_id) in FOREIGN.items():
            made.add(command, "delayed" if place == "delayed" else "pending", job_id, *([1] if command == "ZADD" else []))
        made.put("last", "fine", "last")
        (made.directory / "log").write_text(made.burst("shop:Do").err)
        yield made


def _with_neighbour(made: Yard, name: str, *args: str, **how: object) -> None:
    made.put(name, *args, **how)  # type: ignore[arg-type]
    made.put(f"after {name}", "fine", f"after-{name.replace(' ', '-')}")


def test_one_process_has_run_every_neighbour_in_order(after: Yard) -> None:
    bad = [*RAISED, "lock", *BODIES, *WORKERS, "headless"]
    assert after.names() == [*(f"after-{name.replace(' ', '-')}" for name in bad), "last"]
    assert len({line.rpartition(" ")[2] for line in after.ran()}) == 1


def test_nothing_is_lost_and_what_is_wrong_is_in_failed(after: Yard) -> None:
    assert (after.wrong(), after.app.queue("Do").counts().adds_up) == ([], True)
    assert after.failed() == {
        **dict.fromkeys(RAISED, ("error", 1)),
        **{name: (reason, 0) for name, (_, reason, _) in BODIES.items()},
        **{name: ("bad_worker" if name == "no init" else "no_worker", 0) for name in WORKERS},
        "headless": ("bad_header", 0),
        **dict.fromkeys([job_id for _, job_id in FOREIGN.values()], ("no_body", 0)),
    }


@pytest.mark.parametrize("name", RAISED)
def test_whatever_is_raised_is_kept_as_text(after: Yard, name: str) -> None:
    assert after.error(name) == RAISED[name]


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_call_is_told_apart(after: Yard, name: str) -> None:
    _, reason, said = BODIES[name]
    found = after.error(name)
    assert (found[0], found[2][: len(said)]) == (reason, said)


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_that_is_gone_is_named(after: Yard, name: str) -> None:
    assert after.error(name)[2].startswith(WORKERS[name][1])


@pytest.mark.parametrize("place", FOREIGN)
def test_a_foreign_id_is_a_job_that_cannot_be_run(after: Yard, place: str) -> None:
    assert after.error(FOREIGN[place][1])[::2] == ("no_body", NO_JOB)


def test_a_header_that_is_not_json_is_said_to_be_none(after: Yard) -> None:
    assert after.error("headless") == (
        "bad_header", "CannotLoad", "the job cannot be run: its header cannot be read: it is not JSON; delete it, and enqueue it again"
    )  # fmt: skip


def test_the_attempt_of_an_error_is_that_of_its_job(after: Yard) -> None:
    records = [job.record() for job in after.app.failed()]
    assert [record.id for record in records if record.run.attempt != record.errors[-1].attempt] == []


def test_of_what_cannot_be_loaded_only_code_of_the_user_has_a_traceback(after: Yard) -> None:
    traced = [name for name in (*BODIES, *WORKERS, "headless") if after.app.job(name).record().errors[-1].traceback]
    assert traced == ["exits", "broken", "leaving"]


def test_a_result_that_cannot_be_pickled_is_no_error(after: Yard) -> None:
    assert after.app.reader.find("Do", "lock") is None


def test_the_log_cannot_be_forged_by_what_a_job_says(after: Yard) -> None:
    log = (after.directory / "log").read_text()
    assert (RAW.findall(log), [line for line in log.splitlines() if line.startswith("2026-11-23 08:00:00 ERROR forged")]) == ([], [])


def test_every_failure_is_reported_once(after: Yard) -> None:
    log = (after.directory / "log").read_text().splitlines()
    for_good = [line for line in log if " ERROR " in line and ": failed for good (" in line]
    not_run = [line for line in log if " ERROR " in line and ": cannot be run (" in line]
    assert (len(for_good), len(not_run)) == (len(RAISED), len(after.failed()) - len(RAISED))


@pytest.fixture
def place(embedded_url: str, tmp_path: Path) -> Iterator[Yard]:
    for made in yard(tmp_path, embedded_url, f"t{uuid.uuid4().hex[:12]}"):
        made.write("shop", SHOP)
        yield made


@pytest.mark.parametrize("worker", ["shop:Sell", "market:Sell"])
def test_a_job_whose_worker_is_gone_runs_after_the_next_deploy(place: Yard, worker: str) -> None:
    place.put("early", "fine", "early", worker=worker)
    place.burst("shop:Do")
    assert place.failed() == {"early": ("no_worker", 0)}
    place.write(worker.partition(":")[0], SHOP + "class Sell(Do):\n    queue = 'Do'\n")
    assert place.exq("failed", "requeue", "early").whole == (0, "requeued 1 job(s)\n", "")
    place.burst("shop:Do")
    assert (place.names(), place.left()) == (["early"], {"completed": 1, "enqueued": 1})


def test_a_job_that_cannot_be_run_keeps_all_its_retries(place: Yard) -> None:
    place.put("early", "error", worker="shop:Sell")
    place.burst("shop:Do")
    place.write("shop", SHOP + "class Sell(Do):\n    queue = 'Do'\n    max_retries = 1\n    backoff = staticmethod(lambda failures: 0)\n")
    place.exq("failed", "requeue", "early")
    place.burst("shop:Do")
    found = place.app.job("early").record()
    assert [(error.reason, error.attempt) for error in found.errors] == [("no_worker", 0), ("error", 1), ("error", 2)]


def test_a_foreign_id_in_failed_can_be_requeued_and_fails_again(place: Yard) -> None:
    place.add("ZADD", "failed", "who are you?", 5)
    assert place.exq("failed", "requeue", "who").code == 0
    place.burst()
    assert (place.failed(), place.left()) == ({"who are you?": ("no_body", 0)}, {"failed": 1, "enqueued": 1})


def test_a_foreign_id_in_failed_can_be_deleted(place: Yard) -> None:
    place.add("ZADD", "failed", "\udcff", 5)
    assert place.exq("failed", "delete", "--all", "--yes").whole == (0, "deleted 1 job(s)\n", "")
    assert place.left() == {}


@pytest.mark.parametrize(("key", "command"), [("graves", "HSET"), ("slots", "HSET"), ("beats", "HSET"), ("counters", "HSET")])
def test_a_foreign_entry_beside_the_jobs_stops_nothing(place: Yard, key: str, command: str) -> None:
    place.put("later", "fine", "later", delay=300)
    place.ask(command, place.keys[key], "\x1b[2J", "junk")
    place.burst()
    assert (place.names(), place.left()) == (["later"], {"completed": 1, "enqueued": 1})
