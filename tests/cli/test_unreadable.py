"""A key of the wrong type in one queue: whoever looks is shown all other queues, and told of that one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreCorrupt
from exqueue.model.lifecycle import Place
from exqueue.store.keys import KINDS, QueueKeys
from exqueue.store.roles import Role, rules
from tests.cli.conftest import Command
from tests.cli.kit import Hands
from tests.store.servers import Server

LOOKS: Final = {  # of the queue that can be read, of the other one
    "status": ("Fine", "Aside"), "top --once": ("runs", "x2"), "jobs list": ("waits", "x3"), "jobs show waits": ("waits", "waits"),
    "failed list": ("dead", "x1"), "failed show dead": ("dead", "dead"), "blocked list": ("dead", "x1"),
    "schedule list": ("Nightly", "Hourly"), "events": ("waits", "x3"),
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
    other.fail("x1", key="k")
    other.put("x2", "x3")
    other.claim()
    app.store.schedule("Aside", "Hourly", 1, "UTC 0 * * * *")
    return other.keys


@contextmanager
def foreign(app: Exqueue, key: str) -> Iterator[None]:
    """While somebody else's string is where this key was."""
    held, *_ = app.channel.ask([("DUMP", key), ("SET", key, "foreign")])
    yield
    app.channel.ask([("RESTORE", key, 0, held, "REPLACE") if held else ("DEL", key)])


def of(keys: QueueKeys, name: str) -> str:
    return keys.processing("s") if name == "processing" else keys[name]


@pytest.mark.parametrize("name", KINDS)
def test_every_list_shows_the_other_queues_and_names_the_key_if_it_misses_anything(
    app: Exqueue, keys: QueueKeys, exq: Command, name: str
) -> None:
    with foreign(app, of(keys, name)):
        ran = {words: exq(*words.split()) for words in LOOKS}
    told = {words: (done.code, of(keys, name) in done.err) for words, done in ran.items()}
    assert [words for words, (shown, _) in LOOKS.items() if shown not in ran[words].out] == []
    assert [words for words, (_, other) in LOOKS.items() if other not in ran[words].out and told[words] != (3, True)] == []
    assert {*told.values()} <= {(0, False), (3, True)}


@pytest.mark.parametrize("name", KINDS)
def test_doctor_and_health_name_the_key_whichever_it_is(app: Exqueue, fine: Hands, keys: QueueKeys, exq: Command, name: str) -> None:
    fine.ask("DEL", fine.keys["beats"], keys["beats"])  # so that nobody waits for them to be bumped
    with foreign(app, key := of(keys, name)):
        doctor, health, one = exq("doctor"), exq("health"), exq("health", "--queue", "Fine")
    found = [line for line in doctor.out.splitlines() if line.startswith("error    queues")]
    assert (doctor.code, len(found), key in found[0], "Fine" in doctor.out) == (1, 1, True, True), doctor
    assert (health.code, key in health.out, "no runner beats for" in health.out, "Fine" in health.out) == (1, True, True, True)
    assert one.whole == (1, "no runner beats for Fine\n", "")


def test_doctor_and_health_name_a_counter_that_is_no_number(fine: Hands, keys: QueueKeys, exq: Command) -> None:
    fine.ask("HSET", keys["counters"], "deleted", "zz")
    doctor, health = exq("doctor"), exq("health")
    assert exq("fsck", "--repair").code == 0
    said = f"the counter deleted in {keys['counters']} is not a number"
    assert (doctor.code, said in doctor.out, health.code, said in health.out) == (1, True, 1, True)


def test_a_viewer_is_told_of_keys_that_it_does_not_read_otherwise(bare: Command, server: Server) -> None:
    queue = Hands(Exqueue(server.url(), namespace="ns"))
    queue.put("a")
    queue.ask("SET", queue.keys["uniques"], "foreign")
    queue.ask("ACL", "SETUSER", "v", "reset", "on", ">secret", "resetchannels", "-@all", *rules(Role.VIEWER, "ns"))
    ran = bare("--url", server.url("v:secret@"), "--namespace", "ns", "health")
    assert (ran.code, queue.keys["uniques"] in ran.out) == (1, True)


def test_whether_a_worker_is_served_is_not_known_where_slots_cannot_be_read(app: Exqueue, keys: QueueKeys, exq: Command) -> None:
    with foreign(app, keys["slots"]):
        all_, one, unknown, here = (
            exq("health", "--worker", *words, "--wait", "0", "--json")
            for words in (("Fine",), ("Fine", "--queue", "Fine"), ("Else",), ("Else", "--here"))
        )
    assert [(done.code, done.json["missing"], len(done.json["unreadable"])) for done in (all_, one, unknown)] == [(1, "", 1)] * 3
    assert (here.code, keys["slots"] in here.err) == (3, True)


def test_what_is_wrong_is_part_of_the_json_of_a_status(app: Exqueue, keys: QueueKeys, exq: Command) -> None:
    with foreign(app, keys["failed"]):
        ran = exq("status", "--json")
    said = f"{keys['failed']} has the wrong type, somebody else writes to it"
    told = json.loads(ran.out)
    assert (ran.code, [queue["queue"] for queue in told["queues"]], told["unreadable"]) == (3, ["Fine"], [said])
    assert ran.err.startswith(f"exqueue: {said}; delete it, or ")


def test_several_such_keys_are_told_of_in_one_line_with_one_advice(app: Exqueue, keys: QueueKeys, exq: Command) -> None:
    with foreign(app, keys["failed"]), foreign(app, keys["pending"]):
        ran = exq("jobs", "list")
    assert [ran.err.count(said) for said in (keys["failed"], keys["pending"], "fsck", "\n")] == [1, 1, 1, 1]


def test_a_key_that_is_met_in_several_places_is_told_of_once(app: Exqueue, fine: Hands, keys: QueueKeys, exq: Command) -> None:
    with foreign(app, keys["pending"]), foreign(app, fine.keys["jobs"]):
        ran = exq("jobs", "list")
    assert (ran.code, ran.err.count(keys["pending"]), ran.err.count(fine.keys["jobs"])) == (3, 1, 1)


def test_an_empty_list_is_not_said_to_be_empty_if_something_was_not_read(app: Exqueue, exq: Command) -> None:
    only = Hands(app, "Only")
    only.put("a")
    with foreign(app, only.keys["failed"]):
        ran = [exq(*words.split()).out for words in ("status", "failed list")]
    assert ran == ["nothing else can be read\n"] * 2


@pytest.mark.parametrize("words", ["failed requeue --all", "failed requeue dead", "failed delete --all --yes", "failed delete dead --yes",
                                   "failed delete --error customer --yes"])  # fmt: skip
def test_what_can_be_done_in_other_queues_is_done_and_reported_first(app: Exqueue, keys: QueueKeys, exq: Command, words: str) -> None:
    with foreign(app, keys["failed"]):
        ran = exq(*words.split())
    word = words.split()[1].rstrip("e") + "ed"
    assert (ran.out, [job.id for job in app.failed()]) == (f"{word} 1 job(s)\n", ["x1"])
    assert (ran.code, keys["failed"] in ran.err) == ((0, False) if "dead" in words else (3, True))


@pytest.mark.parametrize("name", ["delayed", "control", "slots", "processing"])
def test_as_many_jobs_are_deleted_as_there_are_whatever_else_cannot_be_read(app: Exqueue, keys: QueueKeys, exq: Command, name: str) -> None:
    with foreign(app, of(keys, name)):
        ran = exq("failed", "delete", "--all", "--yes")
    assert (ran.whole, list(app.failed())) == ((0, "deleted 2 job(s)\n", ""), [])


@pytest.mark.parametrize(("name", "words"), [("heads", "failed requeue x1 dead"), ("heads", "failed delete x1 dead --yes"),
                                             ("heads", "blocked skip x1 dead"), ("results", "jobs cancel --all --yes"),
                                             ("results", "jobs cancel x3 waits")])  # fmt: skip
def test_a_step_that_is_refused_in_one_queue_is_done_in_the_next(
    app: Exqueue, keys: QueueKeys, exq: Command, name: str, words: str
) -> None:
    with foreign(app, keys[name]):
        ran = exq(*words.split())
    assert (ran.code, ran.out.endswith(" 1 job(s)\n"), ran.err.count(keys[name])) == (3, True, 1)


def test_jobs_of_other_queues_can_be_cancelled_and_skipped(app: Exqueue, keys: QueueKeys, exq: Command) -> None:
    with foreign(app, keys["pending"]), foreign(app, keys["failed"]):
        ran = [exq(*words.split()) for words in ("jobs cancel waits", "jobs cancel --all --yes", "blocked skip dead")]
    assert [(done.code, done.out) for done in ran] == [
        (0, "cancelled 1 job(s)\n"), (3, "cancelled 0 job(s)\n"), (0, "skipped 1 job(s)\n"),
    ]  # fmt: skip


def test_queues_are_paused_but_for_the_one_that_cannot_be(app: Exqueue, keys: QueueKeys, exq: Command) -> None:
    with foreign(app, keys["control"]):
        ran = exq("queues", "pause", "--all")
    assert (ran.code, ran.out, keys["control"] in ran.err) == (3, "paused Fine\n", True)


def test_a_job_is_found_by_its_whole_id_but_by_a_beginning_only_if_it_could_be_nothing_else(app: Exqueue, keys: QueueKeys) -> None:
    with foreign(app, keys["jobs"]):
        assert app.job("waits").id == "waits"
        for unsure in ("wai", "x1", "nobody"):
            with pytest.raises(StoreCorrupt, match="jobs has the wrong type"):
                app.job(unsure)


def test_a_list_in_python_gives_the_jobs_of_the_others_before_it_raises(app: Exqueue, keys: QueueKeys) -> None:
    seen = []
    with foreign(app, keys["pending"]):
        with pytest.raises(StoreCorrupt, match="pending has the wrong type"):
            seen.extend(job.id for job in app.jobs(Place.PENDING))
        shown = repr(app.queues()), repr(app.jobs(Place.PENDING))
    assert (seen, all("has the wrong type" in text for text in shown)) == (["waits"], True)


def test_events_that_could_not_be_given_are_given_later(app: Exqueue, keys: QueueKeys) -> None:
    events = app.events(history=True)
    with foreign(app, keys["events"]), pytest.raises(StoreCorrupt):
        events.past()
    assert {event.queue for event in events.past()} == {"Aside", "Fine"}
