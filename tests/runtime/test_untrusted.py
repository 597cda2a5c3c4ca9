"""Runners with keys, and bodies of somebody who has none: nothing of those is imported or unpickled, and all is kept."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.client.keys import Resigned, Resigner
from exqueue.model.chain import NewJob
from exqueue.model.envelope import Envelope
from exqueue.model.errors import ResultUnavailable
from exqueue.model.job import Header, Terms
from exqueue.model.lifecycle import Place
from exqueue.model.signing import Keys, is_signed
from tests.runtime.rig import Rig
from tests.store.kit import READS

pytestmark = pytest.mark.slow

OLD, NEW = "the old key of this test", "the new key of this test"
KEYS = Keys.parse(OLD)
JOBS = """
class Add(Worker):
    keep_result = 60
    max_retries = 0
    def perform(self, name, password=""):
        say(name)
        if password:
            raise ValueError(f"cannot log in with {password}, token={password * 2!r}")
        return {name}

class Serial(Add):
    serial = True
"""
NO_TERMS = Terms()
PLAIN = Header("jobs:Add", 5, "", "reference", "3.x", "3", 4)


class Marked:
    """Leaves a file where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (self.marker, 0o700)


@pytest.fixture
def world(redis_url: str, tmp_path: Path) -> Iterator[Rig]:
    """On Redis, which has no key of its own; its client signs with the old key."""
    rig = Rig(tmp_path, redis_url)
    rig.workers(JOBS)
    (tmp_path / "evil.py").write_text("open('imported', 'w').close()\nfrom jobs import Add\n")
    yield rig
    rig.close()


def signing(rig: Rig, keys: Keys) -> Exqueue:
    """The same queues, seen by a client with these keys."""
    settings = replace(rig.app.settings, signing_keys=keys)
    return Exqueue(settings=settings, channel=rig.app.channel)


def put(rig: Rig, job_id: str, body: bytes, header: Header = PLAIN, *, queue: str = "Add", terms: Terms = NO_TERMS) -> None:
    rig.app.store.enqueue(queue, [NewJob(job_id, header, body, terms.encode())])


def call(*args: object) -> bytes:
    return b"\x01" + pickle.dumps((args, {}))


def test_nothing_that_does_not_verify_is_imported_or_unpickled_and_all_of_it_is_kept(world: Rig) -> None:
    envelope = Envelope(world.app.settings.namespace, KEYS)
    marked = call(Marked(world.directory / "unpickled"))
    good = envelope.close("Add", "good", Terms(), PLAIN, call("good"))
    evil = replace(PLAIN, worker="evil:Add")
    bodies = {
        "unsigned": (marked, PLAIN, "is not signed"),
        "unsigned import": (call("x"), evil, "is not signed"),
        "by value": (b"\x02" + marked[1:], PLAIN, "is not signed"),
        "another key": (
            replace(envelope, keys=Keys.parse(NEW)).close("Add", "another key", Terms(), PLAIN, marked),
            PLAIN,
            "not known here",
        ),
        "moved": (good, PLAIN, "does not fit"),
        "other worker": (envelope.close("Add", "other worker", Terms(), PLAIN, call("x")), evil, "does not fit"),
        "altered": (envelope.close("Add", "altered", Terms(), PLAIN, call("x"))[:-1] + b"!", PLAIN, "does not fit"),
        "cut off": (good[:30], PLAIN, "is cut off"),
    }
    for job_id, (body, header, _) in bodies.items():
        put(world, job_id, body, header)
    put(world, "good", good)
    assert world.burst(EXQUEUE_SIGNING_KEYS=OLD) == 0
    failed = {job.id: job.record() for job in world.app.failed()}
    assert {job_id: (job.errors[-1].reason, job.run.attempt) for job_id, job in failed.items()} == dict.fromkeys(bodies, ("untrusted", 0))
    assert [job_id for job_id, (_, _, said) in bodies.items() if said not in failed[job_id].errors[-1].message] == []
    assert world.app.reader.bodies("Add", [*bodies]) == [body for body, _, _ in bodies.values()]
    assert (world.said, sorted(path.name for path in world.directory.iterdir() if path.name in ("imported", "unpickled"))) == (["good"], [])


def test_a_runner_without_keys_runs_nothing_that_is_signed_and_a_serial_worker_stands_still(world: Rig) -> None:
    signed = signing(world, KEYS)
    world.workers(JOBS)
    header = replace(PLAIN, worker="jobs:Serial")
    serial = Terms(key="*", blocks=True)
    for job_id in ("first", "second"):
        put(world, job_id, signed.envelope().close("Serial", job_id, serial, header, call(job_id)), header, queue="Serial", terms=serial)
    put(world, "unsigned", call("unsigned"))
    assert world.burst() == 0
    error = world.app.job("first").record().errors[-1]
    assert (world.said, error.reason, world.app.job("second").state()) == (["unsigned"], "untrusted", Place.WAITING)
    assert error.message == (
        f"the job's body cannot be trusted: it is signed (key {KEYS.ids[0]}), and there are no keys here; "
        "set EXQUEUE_SIGNING_KEYS for this runner, then requeue the job"
    )
    told = [line.partition(": cannot be run ")[2] for line in world.log.splitlines() if "first" in line]
    assert (told, "Traceback" in world.log) == ([f"(untrusted): {error.message}"], False)
    world.app.job("first").requeue()
    assert (world.burst(EXQUEUE_SIGNING_KEYS=OLD), world.said) == (0, ["unsigned", "first", "second"])


def test_an_embedded_server_has_its_jobs_and_results_signed_from_the_start(rig: Rig) -> None:
    rig.workers(JOBS)
    job_id = rig.enqueue("Add", "ada")
    assert is_signed(rig.app.reader.bodies("Add", [job_id])[0])
    rig.burst()
    key = rig.app.store.keys("Add")["results"]
    result = rig.app.channel.ask([("HGET", key, job_id)])[0]
    assert (is_signed(result), rig.app.job(job_id).result(0)) == (True, {"ada"})


def test_a_result_that_does_not_verify_is_not_unpickled(world: Rig) -> None:
    client = signing(world, KEYS)
    put(world, "a", client.envelope().close("Add", "a", Terms(), PLAIN, call("a")))
    world.burst(EXQUEUE_SIGNING_KEYS=OLD)
    key, marker = world.app.store.keys("Add")["results"], world.directory / "unpickled"
    forged = [b"\x12" + pickle.dumps(Marked(marker)), b'\x11"json"', client.envelope().close_result("Add", "b", b'\x11"moved"')]
    assert client.job("a").result(0) == {"a"}
    for result in forged:
        world.app.channel.ask([("HSET", key, "a", result)])
        with pytest.raises(ResultUnavailable, match="it cannot be trusted"):
            client.job("a").result(0)
    assert not marker.exists()


def test_a_key_is_replaced_while_a_runner_lives_and_shows_nowhere(world: Rig) -> None:
    old, both = signing(world, KEYS), signing(world, Keys.parse(f"{NEW},{OLD}"))
    world.workers(JOBS + "class Slow(Worker):\n    def perform(self, name):\n        gate()\n        say(name)\n")
    slow = replace(PLAIN, worker="jobs:Slow")
    put(world, "fails", old.envelope().close("Add", "fails", Terms(), PLAIN, call("fails", "hunter22")))
    put(world, "slow", old.envelope().close("Slow", "slow", Terms(), slow, call("slow")), slow, queue="Slow")
    runner = world.start(EXQUEUE_SIGNING_KEYS=f"{OLD},{NEW}")
    world.worker_of("Slow")
    put(world, "new", both.envelope().close("Add", "new", Terms(), PLAIN, call("new")))
    world.until(lambda: world.app.queue("Add").counts().done == 1 and world.app.queue("Add").counts().failed == 1)
    assert Resigner(both.store, both.reader, both.envelope()).run() == Resigned(jobs=1, results=1, running=1)
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    world.open_gate()
    world.until(lambda: world.app.queue("Slow").counts().completed == 1)
    assert Resigner(both.store, both.reader, both.envelope()).run() == Resigned()
    world.stop(runner)
    world.app.failed().requeue()
    assert world.burst(EXQUEUE_SIGNING_KEYS=NEW) == 0
    assert (sorted(world.said), [job.errors[-1].reason for job in world.app.failed()]) == (["fails", "fails", "new", "slow"], ["error"])
    shown = "\n".join([lines, world.log, stored(world)])
    assert [word for word in (OLD, NEW, OLD.encode().hex(), NEW.encode().hex()) if word in shown] == []


def stored(rig: Rig) -> str:
    """All that Redis has of this namespace, as text."""
    ask = rig.app.channel.ask
    names = ask([("KEYS", f"{rig.app.settings.namespace}:*")])[0]
    kinds = [kind.decode() for kind in ask([("TYPE", name) for name in names])]
    return repr(ask([(READS[kind][0], name, *READS[kind][1:]) for name, kind in zip(names, kinds, strict=True)]))


def test_what_is_secret_is_in_no_error_and_in_no_line_of_the_log(world: Rig) -> None:
    world.workers("""
import logging
class Login(Worker):
    max_retries = 0
    keep_result = 1
    def perform(self, user, password, api_key="", header=None):
        say(password, api_key)
        self.job.progress(0.5, f"as {password}")
        logging.getLogger("shop").warning("%s logs in with %s", user, password)
        raise ValueError(f"no {user} {password!r}; {header}; api_key={api_key}")
    def after_failure(self, error):
        raise RuntimeError("again: s3same open")
""")
    world.client("""
login = jobs.Login.options(id="a")
app.enqueue(login, "ada", secret("s3same open"), api_key="k-4711", header={"Authorization": "Bearer abc"})
""")
    before = stored(world)
    assert (world.burst(), world.said) == (0, ["s3same open k-4711"])
    record = world.app.job("a").record()
    assert record.header.args == "'ada', ***, api_key=***, header={'Authorization': ***}"
    assert record.errors[-1].message == "no ada '***'; {'Authorization': ***}; api_key=***"
    assert record.errors[-1].traceback.endswith(f"\nValueError: {record.errors[-1].message}\n")
    assert record.note is not None
    assert record.note.text == "as ***"
    assert [line.partition("] ")[2] for line in world.log.splitlines() if "ada logs in" in line] == ["ada logs in with ***"]
    assert ("RuntimeError: again: ***" in world.log, [word for word in ("s3same", "k-4711", "Bearer") if word in world.log]) == (True, [])
    bodies = [word for word in ("s3same", "k-4711") if word in before]
    assert bodies == ["s3same", "k-4711"]  # as the docs say: nothing is encrypted
