"""The checks of queues and host: each a rule from facts to a finding. To add one, write it and put it into `QUEUE_CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from exqueue.model.facts import Facts, Finding, Level, QueueFacts
from exqueue.model.schema import SCHEMA
from exqueue.model.server_checks import SERVER_CHECKS, Check, worst
from exqueue.model.signing import is_signed
from exqueue.model.text import one_line

LONG: Final = 3_600_000  # ms that a job may run, or a key be blocked, before it is worth a word
MANY: Final = 100  # failed jobs
SHOWN: Final = 3
START: Final = "start a runner: exqueue run MODULE (with --queue NAME where NAME is no worker's own queue)"


def unsigned(bodies: Sequence[bytes]) -> int:
    """How many of these bodies carry no signature."""
    return sum(1 for body in bodies if body and not is_signed(body))


def schema(facts: Facts) -> Finding:
    """Whether this exqueue is new enough for the data."""
    if facts.schema > SCHEMA:
        says = f"the data was written by a newer exqueue (schema {facts.schema}, this one knows {SCHEMA}), so nothing of it was looked at"
        return Finding("schema", Level.ERROR, says, "upgrade exqueue here")
    return Finding("schema", Level.OK, f"the data is of schema {facts.schema}, this exqueue knows {SCHEMA}")


def foreign(facts: Facts) -> Finding:
    """Whether there are queues that cannot be read."""
    if facts.queues is None:
        return _unread("queues")
    if not facts.unreadable:
        return Finding("queues", Level.OK, "every queue can be read, as far as this user may look")
    advice = "no step that uses it works, and nothing below tells of this queue, before that is mended: see `exqueue fsck`"
    return Finding("queues", Level.ERROR, _some(facts.unreadable), advice)


def served(facts: Facts) -> Finding:
    """Whether somebody runs the jobs there are."""
    return _of_queues(
        facts, "runners", lambda queue: queue.counts.unfinished > 0 and not queue.served, lambda queue: str(queue.counts.unfinished),
        "jobs that nobody runs", "every queue with jobs has a runner", START,
    )  # fmt: skip


def silent(facts: Facts) -> Finding:
    """Whether worker processes are registered whose runner does not beat."""
    return _of_queues(
        facts, "silent", lambda queue: bool(queue.silent), lambda queue: ", ".join(one_line(host, 60) for host in queue.silent),
        "worker processes whose runner is silent", "no runner is silent",
        "what they hold is taken over once they were silent for their lease, by any runner of the queue",
    )  # fmt: skip


def strangers(facts: Facts) -> Finding:
    """Whether there are slots that do not say whose they are."""
    return _of_queues(
        facts, "slots", lambda queue: queue.unreadable > 0, lambda queue: str(queue.unreadable),
        "slots that cannot be read", "every slot says whose it is",
        "somebody else wrote to them; a runner of the queue closes them after its lease",
    )  # fmt: skip


def running_long(facts: Facts) -> Finding:
    """Whether jobs run for very long."""

    def long(queue: QueueFacts) -> list[str]:
        jobs = [job for job in queue.running if job.since and facts.now - job.since > LONG]
        return [
            f"{one_line(job.id, 60)} {_age(facts, job.since)}{f', key {one_line(job.key, 40)}' if job.key else ''}"
            for job in sorted(jobs, key=lambda job: job.since)
        ]

    return _of_queues(
        facts, "running", lambda queue: bool(long(queue)), lambda queue: _some(long(queue)),
        "jobs that have been running for long", "no job has been running for more than an hour",
        "if one hangs: exqueue jobs cancel ID --running; give its worker a timeout",
    )  # fmt: skip


def blocked_long(facts: Facts) -> Finding:
    """Whether keys stand still for very long."""

    def long(queue: QueueFacts) -> list[int]:
        return sorted(since for since in queue.blocked if facts.now - since > LONG)

    return _of_queues(
        facts, "blocked", lambda queue: bool(long(queue)), lambda queue: f"{len(long(queue))}, the first for {_age(facts, long(queue)[0])}",
        "keys that a failed job has been blocking for long", "no key has been blocked for more than an hour",
        "exqueue blocked list; then requeue, skip or delete the failed job",
    )  # fmt: skip


def failed(facts: Facts) -> Finding:
    """Whether many jobs wait for a person."""
    return _of_queues(
        facts, "failed", lambda queue: queue.counts.failed >= MANY, lambda queue: str(queue.counts.failed),
        "many failed jobs", f"no queue has {MANY} failed jobs", "exqueue failed list; a person has to requeue or delete them",
    )  # fmt: skip


def outbox(facts: Facts) -> Finding:
    """Whether what follows jobs is enqueued."""
    if facts.queues and all(queue.stuck is None for queue in facts.queues):
        return _unread("outbox")
    return _of_queues(
        facts, "outbox", lambda queue: bool(queue.stuck), lambda queue: str(queue.stuck),
        "followers of jobs that have succeeded are not enqueued", "what follows jobs is enqueued",
        "a runner of the queue enqueues it within a second; if one runs, see its log",
    )  # fmt: skip


def signatures(facts: Facts) -> Finding:
    """Whether bodies are signed; a sample of each queue."""
    if facts.queues is None or (facts.queues and all(queue.sampled is None for queue in facts.queues)):
        return _unread("signatures")
    looked, bare = sum(queue.sampled or 0 for queue in facts.queues), sum(queue.unsigned for queue in facts.queues)
    if not bare:
        return Finding("signatures", Level.OK, f"the {looked} bodies that were looked at are signed" if looked else "no job to look at")
    says = f"{bare} of {looked} bodies that were looked at are not signed: whoever can write to Redis can run code in workers"
    if facts.server.embedded:
        return Finding("signatures", Level.OK, f"{bare} of {looked} are not signed, and only this user can write to this server")
    if facts.has_keys:
        says = f"{bare} of {looked} bodies that were looked at are not signed, so runners with keys do not run them"
        advice = "give whoever enqueues without keys EXQUEUE_SIGNING_KEYS; if you know who wrote them: exqueue keys resign --unsigned"
        return Finding("signatures", Level.WARNING, says, advice)
    advice = "set EXQUEUE_SIGNING_KEYS everywhere, then exqueue keys resign --unsigned; keep strangers out: passwords, TLS, exqueue acl"
    return Finding("signatures", Level.WARNING, says, advice)


def kernel(facts: Facts) -> Finding:
    """Whether worker processes die with their runner."""
    if facts.dies_with_parent:
        return Finding("kernel", Level.OK, "ends worker processes with their runner")
    says = "cannot end worker processes with their runner: one that is killed may leave some that go on"
    return Finding("kernel", Level.ERROR, says, "run jobs on Linux")


QUEUE_CHECKS: Final[tuple[Check, ...]] = (
    schema, foreign, served, silent, strangers, running_long, blocked_long, failed, outbox, signatures, kernel,
)  # fmt: skip


def examine(facts: Facts) -> list[Finding]:
    """What all checks find, in the order in which they are shown."""
    return [*(worst(check, facts) for check in SERVER_CHECKS), *(check(facts) for check in QUEUE_CHECKS)]


def _of_queues(
    facts: Facts, check: str, wrong: Callable[[QueueFacts], bool], tell: Callable[[QueueFacts], str], what: str, right: str, advice: str,
) -> Finding:  # fmt: skip
    if facts.queues is None:
        return _unread(check)
    bad = [f"{one_line(queue.name, 60)} ({tell(queue)})" for queue in facts.queues if wrong(queue)]
    return Finding(check, Level.WARNING, f"{what}: {_some(bad)}", advice) if bad else Finding(check, Level.OK, right)


def _unread(check: str) -> Finding:
    return Finding(check, Level.UNKNOWN, "this user may not read that", "ask as a user who may: exqueue acl --role operator")


def _some(found: Sequence[str]) -> str:
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _age(facts: Facts, since: int) -> str:
    minutes = (facts.now - since) // 60_000
    return f"{minutes // 1440} d" if minutes >= 2880 else f"{minutes // 60} h"
