"""`exqueue fsck`: what it says, its exit codes, what a person can do about what it leaves."""

from __future__ import annotations

import pytest

from exqueue.app import Exqueue
from tests.cli.conftest import Command
from tests.store.kit import Bench


@pytest.fixture
def bench(app: Exqueue) -> Bench:
    """A queue with two jobs, one of which runs."""
    bench = Bench(app)
    bench.start("a", "b")
    return bench


def test_all_is_well(bench: Bench, exq: Command) -> None:
    ran = exq("fsck")
    assert (ran.code, ran.out) == (0, "all is well\n")


def test_what_is_found_is_one_line_each_and_exit_code_1(bench: Bench, exq: Command) -> None:
    bench.ask("DEL", bench.keys["pending"])
    ran = exq("fsck")
    assert (ran.code, ran.out.splitlines()) == (1, [
        "q: nowhere: b is in no place; --repair sets it right",
        "q: counters: the counters do not add up: 2 enqueued, 1 there, 0 completed, 0 deleted; --repair sets it right",
        "2 finding(s)",
    ])  # fmt: skip
    bench.ask("RPUSH", bench.keys["pending"], "b")


def test_what_is_repaired_is_said_and_exit_code_0_when_nothing_is_left(bench: Bench, exq: Command) -> None:
    bench.ask("DEL", bench.keys["pending"])
    ran = exq("fsck", "--repair")
    assert (ran.code, ran.out.splitlines()) == (0, ["q: nowhere: b is in no place -> failed", "1 repaired; all is well"])
    assert bench.happened()[-2:] == ["failed b", "repaired b"]


def test_what_cannot_be_repaired_stays_with_what_a_person_can_do(bench: Bench, exq: Command) -> None:
    body = bench.ask("HGET", bench.keys["bodies"], "b")
    bench.ask("HDEL", bench.keys["bodies"], "b")
    ran = exq("fsck", "--repair")
    assert (ran.code, ran.out.splitlines()) == (1, [
        "q: body: b has no body; it ends in failed when its turn comes; delete it there, and enqueue it again", "1 finding(s)",
    ])  # fmt: skip
    bench.ask("HSET", bench.keys["bodies"], "b", body)


def test_a_header_that_cannot_be_read_is_named_as_it_will_be_in_failed(bench: Bench, exq: Command) -> None:
    header = bench.ask("HGET", bench.keys["jobs"], "b")
    bench.ask("HSET", bench.keys["jobs"], "b", '{"seq":2')
    assert exq("fsck").out.splitlines()[0] == (
        "q: header: b cannot be run: its header cannot be read: it is not JSON; "
        "it ends in failed (bad_header) when its turn comes; delete it there, and enqueue it again"
    )
    bench.ask("HSET", bench.keys["jobs"], "b", header)


def test_what_is_wrong_is_said_as_text_and_in_the_units_of_a_person(bench: Bench, exq: Command) -> None:
    bench.ask("PEXPIREAT", bench.keys["jobs"], bench.reader.now_ms() + 86_400_000 * 2 + 3_600_000 * 5 + 60_000)
    bench.ask("HSET", bench.keys["counters"], "completed", "x\x1b")
    found = exq("fsck", "--repair").out.splitlines()
    assert [line.partition(" -> ")[0] for line in found[:-1]] == [
        f"q: expires: {bench.keys['jobs']} would expire in 2 d 5 h", "q: counters: the counter completed is not a number: x\\x1b",
    ]  # fmt: skip


def test_as_json(bench: Bench, exq: Command) -> None:
    bench.ask("DEL", bench.keys["pending"])
    before, after = exq("fsck", "--json"), exq("fsck", "--repair", "--json")
    found, done = before.json["findings"], after.json["findings"]
    assert (before.code, after.code, [row["invariant"] for row in found]) == (1, 0, ["nowhere", "counters"])
    assert done == [{
        "queue": "q", "invariant": "nowhere", "id": "b", "line": "b is in no place", "advice": "", "repairable": True, "repaired": "failed",
    }]  # fmt: skip


def test_one_queue_is_looked_at_alone(bench: Bench, app: Exqueue, exq: Command) -> None:
    other = Bench(app, "other")
    other.put("x")
    other.ask("DEL", other.keys["pending"])
    assert (exq("fsck", "--queue", "q").code, exq("fsck", "--queue", "other").code, exq("fsck", "--queue", "nose").code) == (0, 1, 2)
    other.ask("RPUSH", other.keys["pending"], "x")


def test_a_queue_that_is_not_on_the_list_can_be_looked_at_alone(bench: Bench, app: Exqueue, exq: Command) -> None:
    app.channel.ask([("SREM", f"{app.settings.namespace}:queues", "q")])
    ran = exq("fsck", "--queue", "q", "--repair")
    assert (ran.code, ran.out.splitlines(), app.reader.queues()) == (
        0, ["q: registry: the queue is not on the list of queues, so nobody looks at it -> announced", "1 repaired; all is well"], ["q"],
    )  # fmt: skip


def test_a_key_of_the_wrong_type_holds_up_no_other_queue(bench: Bench, app: Exqueue, exq: Command) -> None:
    other = Bench(app, "other")
    other.put("x")
    other.ask("SET", other.keys["failed"], "foreign")
    bench.ask("DEL", bench.keys["pending"])
    ran = exq("fsck", "--repair")
    other.ask("DEL", other.keys["failed"])
    assert (ran.code, [line.split(":")[:2] for line in ran.out.splitlines()[:2]]) == (1, [["q", " nowhere"], ["other", " type"]])


def test_a_key_in_no_queue_is_named_without_one(app: Exqueue, exq: Command) -> None:
    key = f"{app.settings.namespace}:{{foo}}"
    app.channel.ask([("SET", key, 1)])
    ran = exq("fsck")
    app.channel.ask([("DEL", key)])
    advice = "exqueue does not know it and leaves it alone; delete it if nobody needs it"
    assert (ran.code, ran.out.splitlines()) == (1, [f"unknown: {key} is no key of exqueue; {advice}", "1 finding(s)"])


def test_a_bell_is_said_to_be_rung_and_a_counter_to_be_counted(bench: Bench, exq: Command) -> None:
    bench.ask("LREM", bench.keys["pending"], 0, "b")
    bench.ask("ZADD", bench.keys["ranked"], 2, "b")
    bench.complete(bench.take())
    bench.ask("DEL", bench.keys["pending"])
    bench.ask("HSET", bench.keys["counters"], "crashed", "x")
    assert exq("fsck", "--repair").out.splitlines() == [
        "q: counters: the counter crashed is not a number: x -> crashed x -> 0",
        "q: bell: jobs are ranked, but there is nothing in pending that would wake a process -> rung",
        "2 repaired; all is well",
    ]


def test_bells_that_nobody_needs_are_said_to_be_taken_away(bench: Bench, exq: Command) -> None:
    bench.ask("RPUSH", bench.keys["pending"], "!")
    ran = exq("fsck", "--repair")
    assert (ran.code, ran.out.splitlines()[0].rpartition(" -> ")[2]) == (0, "taken away")


def test_what_a_key_holds_is_escaped(bench: Bench, exq: Command) -> None:
    bench.ask("HSET", bench.keys["runs"], b"\x1b[2J", "1 0 0 0 -")
    ran = exq("fsck", "--repair")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "q: leftover: runs has \\x1b[2J, which is no job -> dropped")


def test_what_lies_in_a_slot_nobody_knows_is_taken_back_after_a_lease(bench: Bench, exq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXQUEUE_LEASE", "0.5")
    bench.ask("HDEL", bench.keys["slots"], "s")
    ran = exq("fsck", "--repair")
    assert (ran.code, ran.err, bench.pending, bench.spent("a")) == (
        0, "waiting 0.5 s to see whether processes live whose slots are unknown\n", ["a", "b"], (1, 0, 1),
    )  # fmt: skip


def test_it_waits_for_the_longest_lease_of_those_that_are_known(
    bench: Bench, app: Exqueue, exq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXQUEUE_LEASE", "0.5")
    other = Bench(app, "other")
    other.put("x")
    for slot, lease in [("t", "0.75"), ("u", "1e999"), ("v", "NaN"), ("w", '"x"')]:
        other.ask("HSET", other.keys["slots"], slot, f'{{"lease": {lease}}}')
    bench.ask("HDEL", bench.keys["slots"], "s")
    ran = exq("fsck", "--repair", "--queue", "q")
    assert (ran.code, ran.err) == (0, "waiting 0.75 s to see whether processes live whose slots are unknown\n")


def test_the_doctor_says_that_it_is_too_old(app: Exqueue, exq: Command) -> None:
    app.channel.ask([("SET", f"{app.settings.namespace}:schema", 99)])
    found = {check["check"]: check for check in exq("doctor", "--json").json["checks"]}["schema"]
    app.channel.ask([("DEL", f"{app.settings.namespace}:schema")])
    assert (found["level"], found["advice"]) == ("error", "upgrade exqueue here")
    assert "schema 99, this one knows 1" in found["says"]


def test_who_is_too_old_looks_at_nothing(bench: Bench, app: Exqueue, exq: Command) -> None:
    app.channel.ask([("SET", f"{app.settings.namespace}:schema", 99)])
    ran = [exq(*words.split()) for words in ("fsck", "fsck --repair", "status", "failed list", "queues pause q", "jobs cancel b --yes")]
    app.channel.ask([("DEL", f"{app.settings.namespace}:schema")])
    assert {(one.code, one.out) for one in ran} == {(2, "")}
    assert all("was written by a newer exqueue (schema 99, this one knows 1); upgrade exqueue here" in one.err for one in ran)
