"""What the doctor says of queues and host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exqueue.model.facts import Facts, Level, QueueFacts, Running, ServerFacts
from exqueue.model.job import Counts
from exqueue.model.queue_checks import QUEUE_CHECKS, examine, unsigned
from exqueue.model.signing import SIGNED

NOW, HOUR = 1_700_000_000_000, 3_600_000
WELL = QueueFacts(
    "q", Counts(pending=3, processing=1, failed=99), served=True, running=(Running("a", "k", NOW - HOUR),), stuck=0, sampled=3
)


def bad(*queues: QueueFacts, **facts: Any) -> dict[str, str]:
    found = [check(Facts(queues=queues, now=NOW, **facts)) for check in QUEUE_CHECKS]
    return {finding.check: finding.says for finding in found if finding.level is not Level.OK}


def test_of_queues_that_are_well_or_empty_nothing_is_said() -> None:
    assert (bad(WELL), bad(), bad(QueueFacts("idle", Counts(), served=False, stuck=0, sampled=0))) == ({}, {}, {})


def test_what_somebody_else_wrote_to_queues_is_told() -> None:
    assert bad(WELL, unreadable=("a is a string", "b is a list")) == {"queues": "a is a string, b is a list"}


@pytest.mark.parametrize(
    ("change", "check", "says"),
    [
        ({"served": False}, "runners", "jobs that nobody runs: q (4)"),
        ({"silent": ("h1", "h2")}, "silent", "worker processes whose runner is silent: q (h1, h2)"),
        ({"unreadable": 2}, "slots", "slots that cannot be read: q (2)"),
        ({"running": (Running("a", "k", NOW - 3 * HOUR),)}, "running", "jobs that have been running for long: q (a 3 h, key k)"),
        ({"running": (Running("a", "", NOW - 60 * HOUR),)}, "running", "jobs that have been running for long: q (a 2 d)"),
        (
            {"blocked": (NOW - HOUR, NOW - 5 * HOUR)},
            "blocked",
            "keys that a failed job has been blocking for long: q (1, the first for 5 h)",
        ),
        ({"counts": Counts(failed=100)}, "failed", "many failed jobs: q (100)"),
        ({"stuck": 2}, "outbox", "followers of jobs that have succeeded are not enqueued: q (2)"),
        (
            {"unsigned": 2},
            "signatures",
            "2 of 3 bodies that were looked at are not signed: whoever can write to Redis can run code in workers",
        ),
    ],
)
def test_what_is_wrong_with_a_queue_is_said_with_its_name(change: dict[str, Any], check: str, says: str) -> None:
    assert bad(replace(WELL, **change)) == {check: says}


def test_of_many_queues_the_first_three_are_named() -> None:
    assert (
        bad(*(replace(WELL, name=f"q{n}", served=False) for n in range(5)))["runners"]
        == "jobs that nobody runs: q0 (4), q1 (4), q2 (4) and 2 more"
    )


def test_where_this_user_may_not_read_nothing_is_known() -> None:
    found = [check(Facts(queues=None, now=NOW)) for check in QUEUE_CHECKS]
    assert [finding.check for finding in found if finding.level is not Level.UNKNOWN] == ["schema", "kernel"]
    assert set(bad(replace(WELL, stuck=None, sampled=None))) == {"outbox", "signatures"}


def test_bodies_without_a_signature_do_no_harm_on_a_server_that_only_this_user_reaches() -> None:
    assert bad(replace(WELL, unsigned=1), server=ServerFacts(embedded=True)) == {}


def test_who_has_keys_is_not_told_to_set_them() -> None:
    finding = next(
        finding for finding in examine(Facts(queues=(replace(WELL, unsigned=1),), has_keys=True)) if finding.check == "signatures"
    )
    assert (finding.says, finding.advice) == (
        "1 of 3 bodies that were looked at are not signed, so runners with keys do not run them",
        "give whoever enqueues without keys EXQUEUE_SIGNING_KEYS; if you know who wrote them: exqueue keys resign --unsigned",
    )


def test_a_kernel_that_leaves_worker_processes_behind_is_an_error() -> None:
    assert [finding.check for finding in examine(Facts(dies_with_parent=False)) if finding.level is Level.ERROR] == ["kernel"]


def test_what_other_people_wrote_is_escaped() -> None:
    hostile = replace(WELL, name="\x1b[2J", served=False, silent=("\x1b]0;x\x07",), running=(Running("\x9b", "\u202e", 1),))
    assert [line for line in bad(hostile).values() if not line.isprintable()] == []


def test_a_body_is_unsigned_unless_it_says_that_it_is_signed() -> None:
    assert unsigned([b"\x01\x80", b"\x02", b"", SIGNED + b"\x01"]) == 2
