"""A real runner, producers and an operator, each with the rights of its role and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.model.settings import Settings
from exqueue.store.roles import Role, rules
from tests.runtime.rig import Rig
from tests.store.servers import Server, running

pytestmark = pytest.mark.slow

SECRET = "hunter2"
JOBS = """
from exqueue import cron

class Plain(Worker):
    keep_result = 60
    schedule = cron("0 0 1 1 *")
    def perform(self, n=0):
        self.job.progress(0.5, "half")
        return n

class Keyed(Worker):
    serial = True
    max_retries = 1
    backoff = constant(0.1)
    def perform(self, n):
        if n == 2: raise ValueError("no")
        say("keyed", n)

class Killed(Worker):
    def perform(self):
        if self.job.attempt == 1: os.kill(os.getpid(), signal.SIGKILL)
        say("killed", self.job.attempt)

class Hangs(Worker):
    timeout = 60
    def perform(self):
        say("hangs")
        time.sleep(60)

class Enqueues(Worker):
    def perform(self):
        from exqueue import enqueue
        enqueue(Plain.options(id="inner", unique="u"), 3)
"""


@pytest.fixture(params=[("redis", False), ("valkey", True)], ids=["redis", "valkey-pinned"])
def rigs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[Role, Rig]]:
    """For each role a rig whose processes have its rights; nothing else was ever asked for."""
    kind, pinned = request.param
    with running(kind, "--appendonly", "yes") as server:
        yield from _rigs(server, tmp_path, pinned=pinned)


def _rigs(server: Server, tmp_path: Path, *, pinned: bool) -> Iterator[dict[Role, Rig]]:
    admin = Rig(tmp_path, server.url())
    namespace = admin.app.settings.namespace
    made = {}
    for role in Role:
        words = ("reset", "on", f">{SECRET}", "resetchannels", "-@all", *rules(role, namespace, pinned=pinned))
        admin.app.channel.ask([("ACL", "SETUSER", role.value, *words)])
        made[role] = Rig(tmp_path, "unix:///unused")
        made[role].app = Exqueue(settings=Settings(url=server.url(f"{role}:{SECRET}@"), namespace=namespace))
    admin.workers(JOBS)
    admin.app.channel.ask([("ACL", "LOG", "RESET")])
    yield made
    admin.runners = made[Role.RUNNER].runners
    denied = admin.app.channel.ask([("ACL", "LOG")])[0]
    admin.close()
    assert {entry[entry.index(b"object") + 1] for entry in denied} == ({b"eval"} if pinned else set())


def test_jobs_of_all_kinds_are_enqueued_run_and_looked_after(rigs: dict[Role, Rig]) -> None:
    producer, runner, operator, viewer, _ = (rigs[role] for role in Role)
    producer.client(
        "app.enqueue(jobs.Plain.options(id='kept', delay=0.2, then=[jobs.Plain.options(id='next').call(7)]), 5)\n"
        "app.enqueue_many(jobs.Keyed, [call(n) for n in range(4)])\n"
        "app.enqueue(jobs.Killed)\n"
        "app.enqueue(jobs.Enqueues.options(priority=3))\n"
    )
    assert runner.burst(EXQUEUE_URL=runner.app.settings.url, EXQUEUE_NAMESPACE=runner.app.settings.namespace) == 0
    assert producer.client("print([app.job(name).result() for name in ('kept', 'next', 'inner')])") == "[5, 7, 3]\n"
    assert sorted(runner.said) == ["keyed 0", "keyed 1", "killed 2"]
    assert (operator.app.failed().skip(), operator.app.failed().requeue()) == (1, 1)
    producer.client("app.enqueue(jobs.Hangs.options(id='hangs'))")
    process = runner.start()
    runner.until(lambda: "hangs" in runner.said)
    operator.app.job("hangs").cancel(running=True)
    runner.until(lambda: viewer.app.queue("Hangs").counts().deleted == 1)
    assert runner.stop(process) == 0
