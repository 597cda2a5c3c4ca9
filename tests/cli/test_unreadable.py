"""A key of the wrong type in one queue: whoever looks is shown all other queues, and told of that one."""

from __future__ import annotations

import json
from typing import Final

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import JobNotFound, StoreCorrupt
from exqueue.model.lifecycle import Place
from exqueue.store.keys import KINDS, QueueKeys
from exqueue.store.roles import Role, rules
from tests.cli.conftest import Command
from tests.cli.kit import Hands
from tests.store.servers import Server

LOOKS: Final = {
    "status": "Fine", "top --once": "runs", "jobs list": "waits", "jobs show waits": "waits", "failed list": "dead",
    "failed show dead": "dead", "blocked list": "dead", "schedule list": "Nightly", "events": "waits",
}  # fmt: skip


@pytest.fixture
def fine(app: Exqueue) -> Hands:
    """A queue with something in every list."""
    fine = Hands(app, "Fine")
    fine.fail("dead", key="k")
    fine.put("runs")
    fine.claim()
    fine.put("waits")
    app.store.schedule("Fine", "Nightly", 1, "UTC 0 0 * * *")
    return fine


@pytest.fixture
def keys(app: Exqueue, fine: Hands) -> QueueKeys:
    """The keys of a queue that comes before it, with as much in it."""
    other = Hands(app, "Aside")
    other.fail("x1")
    other.put("x2", "x3")
    other.claim()
    return other.keys


@pytest.mark.parametrize("name", KINDS)
def test_every_list_shows_the_other_queues_and_names_the_key(app: Exqueue, fine: Hands, keys: QueueKeys, exq: Command, name: str) -> None:
    key = keys.processing("s") if name == "processing" else keys[name]
    held = fine.ask("DUMP", key)
    fine.ask("DEL", key)
    fine.ask("SET" if KINDS[name] != "string" else "RPUSH", key, "foreign")
    ran = {words: exq(*words.split()) for words in LOOKS}
    fine.ask("RESTORE", key, 0, held, "REPLACE") if held else fine.ask("DEL", key)
    assert [words for words, shown in LOOKS.items() if shown not in ran[words].out] == []
    assert {(done.code, key in done.err, done.err.count("\n")) for done in ran.values()} <= {
        (0, False, 0),
        (0, False, 1),
        (3, True, 1),
        (3, True, 2),
    }


@pytest.mark.parametrize("name", KINDS)
def test_doctor_and_health_name_the_key_whichever_it_is(app: Exqueue, fine: Hands, keys: QueueKeys, exq: Command, name: str) -> None:
    key = keys.processing("s") if name == "processing" else keys[name]
    fine.ask("DEL", fine.keys["beats"], keys["beats"])  # so that nobody waits for them to be bumped
    held = fine.ask("DUMP", key)
    fine.ask("DEL", key)
    fine.ask("SET", key, "foreign")
    doctor, health, one = exq("doctor"), exq("health"), exq("health", "--queue", "Fine")
    fine.ask("RESTORE", key, 0, held, "REPLACE") if held else fine.ask("DEL", key)
    found = [line for line in doctor.out.splitlines() if line.startswith("error    queues")]
    assert (doctor.code, len(found), key in found[0], "Fine" in doctor.out) == (1, 1, True, True), doctor
    assert (health.code, key in health.out, "no runner beats for Fine" in health.out) == (1, True, True), health
    assert one.whole == (1, "no runner beats for Fine\n", "")


def test_a_viewer_is_told_of_keys_that_it_does_not_read_otherwise(bare: Command, server: Server) -> None:
    queue = Hands(Exqueue(server.url(), namespace="ns"))
    queue.put("a")
    queue.ask("SET", queue.keys["uniques"], "foreign")
    queue.ask("ACL", "SETUSER", "v", "reset", "on", ">secret", "resetchannels", "-@all", *rules(Role.VIEWER, "ns"))
    ran = bare("--url", server.url("v:secret@"), "--namespace", "ns", "health")
    assert (ran.code, queue.keys["uniques"] in ran.out) == (1, True)


def test_what_is_wrong_is_part_of_the_json_of_a_status(fine: Hands, keys: QueueKeys, exq: Command) -> None:
    fine.ask("RENAME", keys["failed"], keys["failed"] + ".kept")
    fine.ask("SET", keys["failed"], "foreign")
    ran = exq("status", "--json")
    fine.ask("RENAME", keys["failed"] + ".kept", keys["failed"])
    said = f"{keys['failed']} has the wrong type, somebody else writes to it; rename or delete it, then ask `exqueue fsck`"
    told = json.loads(ran.out)
    names = [queue["queue"] for queue in told["queues"]]
    assert (ran.code, names, told["unreadable"], ran.err) == (3, ["Fine"], [said], f"exqueue: {said}\n")


def test_what_can_be_done_in_other_queues_is_done_and_reported_first(app: Exqueue, fine: Hands, keys: QueueKeys, exq: Command) -> None:
    fine.ask("RENAME", keys["failed"], keys["failed"] + ".kept")
    fine.ask("SET", keys["failed"], "foreign")
    requeued, deleted = exq("failed", "requeue", "--all"), exq("failed", "delete", "--all", "--yes")
    fine.ask("RENAME", keys["failed"] + ".kept", keys["failed"])
    assert (requeued.code, requeued.out, keys["failed"] in requeued.err) == (3, "requeued 1 job(s)\n", True)
    assert (deleted.code, deleted.out, keys["failed"] in deleted.err) == (3, "", True)  # nobody can say how many that would be
    assert [job.id for job in app.failed()] == ["x1"]


def test_a_job_that_is_not_found_may_be_in_a_queue_that_cannot_be_read(app: Exqueue, fine: Hands, keys: QueueKeys) -> None:
    fine.ask("RENAME", keys["jobs"], keys["jobs"] + ".kept")
    fine.ask("SET", keys["jobs"], "foreign")
    with pytest.raises(StoreCorrupt, match="jobs has the wrong type"):
        app.job("x1")
    assert app.job("wai").id == "waits"
    fine.ask("RENAME", keys["jobs"] + ".kept", keys["jobs"])
    with pytest.raises(JobNotFound):
        app.job("nobody")


def test_a_list_in_python_gives_the_jobs_of_the_others_before_it_raises(app: Exqueue, fine: Hands, keys: QueueKeys) -> None:
    fine.ask("RENAME", keys["pending"], keys["pending"] + ".kept")
    fine.ask("SET", keys["pending"], "foreign")
    seen = []
    with pytest.raises(StoreCorrupt, match="pending has the wrong type"):
        seen.extend(job.id for job in app.jobs(Place.PENDING))
    fine.ask("RENAME", keys["pending"] + ".kept", keys["pending"])
    assert seen == ["waits"]
