"""What has happened to every job, as the server's events tell it, and what may happen to it next.

Written from docs/lifecycle.md and docs/ordering.md, not from the Lua files: it knows no lists, only jobs.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from exqueue.model.chain import decode_chain
from exqueue.model.job import Terms
from tests.simulation.probe import Look
from tests.simulation.stage import Violation

ALIVE: Final = frozenset({"ready", "delayed", "running", "failed"})
SETTLES: Final = frozenset({"completed", "retried", "snoozed", "failed", "released", "discarded"})


@dataclass(slots=True)
class Story:
    """One job. `place`: ready, delayed, running, failed, done or gone. `order`: its place in the line, 0 until it has one.

    `begun`: it was claimed, and not requeued since. `released`: it has failed, and its key went on. `behind`: the job of its
    key that had begun before it was requeued to an older place. `counts`: attempt, failures, crashes.
    """

    id: str
    queue: str
    terms: Terms
    place: str = "ready"
    order: int = 0
    token: str = ""
    begun: bool = False
    released: bool = False
    behind: str = ""
    commits: int = 0
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    followers: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.queue, self.terms.key

    @property
    def rank(self) -> tuple[int, int]:
        return -self.terms.priority, self.order


class History:
    """All jobs of one seed. `queue, id` names one. `held`: what each slot was given last, and has not settled."""

    def __init__(self) -> None:
        self.jobs: dict[tuple[str, str], Story] = {}
        self.of_key: dict[tuple[str, str], list[Story]] = defaultdict(list)
        self.followers: dict[tuple[str, str], Story] = {}
        self.ended: dict[tuple[str, str], str] = {}
        self.counts: Counter[str] = Counter()
        self.lines: dict[str, list[str]] = {}
        self.moved: dict[str, set[str]] = defaultdict(set)
        self.held: dict[str, list[Story]] = defaultdict(list)
        self._orders = itertools.count(1)

    def step(self, name: str, queue: str, argv: list[Any], reply: Any, look: Look) -> None:
        """A step was executed; these are the events it has told."""
        told = set(look.events)
        if name in ("enqueue", "push", "fire"):
            self._accept(name, queue, argv, {job for event, job in told if event == "enqueued"})
        for event, job in look.events:
            self.counts[event] += 1
            if job and event != "blocked":
                self._happen(name, event, self.story(queue, job), argv, reply)
        if name == "purge":
            for story in self.jobs.values():
                if story.queue == queue and story.place == "done":
                    story.place = "gone"  # as far as order is concerned it was before
        self.lines[queue] = look.line
        self.moved[queue] -= {*look.line, *(job for _, job in look.events)}
        if name == "blmove":
            self.moved[queue].add(argv[2])

    def story(self, queue: str, job: str) -> Story:
        """One job. Raises Violation."""
        if (queue, job) not in self.jobs:
            raise Violation(f"{job} of {queue} was never enqueued")
        return self.jobs[queue, job]

    def _accept(self, name: str, queue: str, argv: list[Any], new: set[str]) -> None:
        for job, terms, chain in _rows(name, argv):
            if job not in new:
                continue
            if (queue, job) in self.jobs:
                raise Violation(f"{job} was accepted twice")
            agreed = Terms.decode(terms.encode() if isinstance(terms, str) else terms)
            if agreed.unique:
                self._check_unique(queue, job, agreed.unique)
            links = decode_chain(chain) if chain else []
            story = Story(job, queue, agreed, followers=tuple((link.queue, link.job.id) for link in links))
            story.place = "delayed" if name == "enqueue" and argv[0] not in ("", "+0") else "ready"
            if story.place == "ready":
                story.order = next(self._orders)
            self.jobs[queue, job] = story
            self.of_key[story.key].append(story)
            for link in story.followers:
                self.followers[link] = story
            before = self.followers.get((queue, job))
            if before and not before.commits:
                raise Violation(f"{job} follows {before.id}, which has not succeeded")

    def _check_unique(self, queue: str, job: str, unique: str) -> None:
        for other in self.jobs.values():
            if other.queue == queue and other.terms.unique == unique and other.place in ALIVE:
                raise Violation(f"{job} and {other.id} have the unique name {unique}")

    def _happen(self, name: str, event: str, job: Story, argv: list[Any], reply: Any) -> None:
        if event in SETTLES and name != "recover" and (job.place != "running" or job.token != _token(name, argv, job.id)):
            raise Violation(f"{job.id} {event} by {_token(name, argv, job.id)}, but it is {job.place} {job.token}")
        handler = getattr(self, f"_{event}", None)
        if handler is not None:
            handler(job, name, argv, reply)

    def _promoted(self, job: Story, *_: Any) -> None:
        self._must_be(job, "promoted", "delayed")
        job.place = "ready"
        if not job.order or not job.terms.key:
            job.order = next(self._orders)

    def _claimed(self, job: Story, name: str, argv: list[Any], reply: Any) -> None:
        self._must_be(job, "claimed", "ready")
        self._check_key(job)
        for other in (self.story(job.queue, other) for other in self.lines.get(job.queue, ())):
            if other is not job and other.rank < job.rank and other.place == "ready":
                raise Violation(f"{job.id} is claimed before {other.id}, which is before it in the line")
        job.place, job.begun, job.behind = "running", True, ""
        job.token, told = _claim_of(reply, job.id, batch=name == "batch")
        self.held[argv[0]] = [*self.running(argv[0]), job]
        job.counts[0] += 1
        if told != job.counts:
            raise Violation(f"{job.id} has counts {told}, and should have {job.counts}")

    def running(self, slot: str) -> list[Story]:
        """What a slot was given and has not settled, in that order."""
        return [job for job in self.held[slot] if job.place == "running" and job.token.startswith(f"{slot}/")]

    def _check_key(self, job: Story) -> None:
        if not job.terms.key:
            return
        for other in self.of_key[job.key]:
            if other is job or other.place not in ALIVE or other.released or not other.order:
                continue
            held = job.behind == other.id and (other.begun or other.place != "ready")
            if other.place == "running" or held or (other.order < job.order and other.behind != job.id):
                raise Violation(f"{job.id} of {job.terms.key} starts while {other.id} before it is {other.place}")

    def _completed(self, job: Story, name: str, argv: list[Any], *_: Any) -> None:
        job.commits += 1
        if job.commits > 1:
            raise Violation(f"{job.id} was committed twice")
        self._end(job, "done" if name == "finish" and argv[5] else "gone", "completed")

    def _retried(self, job: Story, *_: Any) -> None:
        job.place, job.token = "delayed", ""
        job.counts[1] += 1

    def _snoozed(self, job: Story, *_: Any) -> None:
        job.place, job.token = "delayed", ""

    def _released(self, job: Story, *_: Any) -> None:
        job.place, job.token, job.begun = "ready", "", False
        job.counts[0] -= 1

    def _recovered(self, job: Story, _name: str, argv: list[Any], *_: Any) -> None:
        self._must_be(job, "recovered", "running")
        job.place, job.token = "ready", ""
        job.counts[2] += argv[3] == job.id  # else it had ended, and was not settled

    def _failed(self, job: Story, name: str, argv: list[Any], *_: Any) -> None:
        self._must_be(job, "failed", "running")
        job.place, job.token, job.released = "failed", "", not job.terms.blocks
        if name == "recover":
            job.counts[2] += 1
        elif argv[3] == 0:
            job.counts[0] -= 1
        else:
            job.counts[1] += 1

    def _discarded(self, job: Story, *_: Any) -> None:
        self._end(job, "gone", "discarded")

    def _cancelled(self, job: Story, *_: Any) -> None:
        self._must_be(job, "cancelled", "ready", "delayed")
        self._end(job, "gone", "cancelled")

    def _deleted(self, job: Story, *_: Any) -> None:
        self._must_be(job, "deleted", "failed", "done", "gone")
        if job.place == "failed":
            self._end(job, "gone", "deleted")
        job.place = "gone"

    def _skipped(self, job: Story, *_: Any) -> None:
        self._must_be(job, "skipped", "failed")
        job.released = True

    def _requeued(self, job: Story, *_: Any) -> None:
        self._must_be(job, "requeued", "failed")
        job.place, job.begun, job.released, job.behind = "ready", False, False, ""
        job.counts[1:] = [0, 0]
        if not job.terms.key:
            job.order = next(self._orders)
            return
        for other in self.of_key[job.key]:
            other.behind = "" if other.behind == job.id else other.behind
            busy = other.place != "ready" or other.begun or other.id in self.moved[job.queue]
            if other is not job and other.place in ALIVE and other.order and not other.released and busy:
                job.behind = other.id

    def _end(self, job: Story, place: str, how: str) -> None:
        job.place, job.token = place, ""
        self.ended[job.queue, job.id] = how

    @staticmethod
    def _must_be(job: Story, event: str, *places: str) -> None:
        if job.place not in places:
            raise Violation(f"{job.id} was {event}, though it was {job.place}")


def _token(name: str, argv: list[Any], job: str) -> str:
    """The token that a settlement of this job was done with."""
    return str(argv[argv.index(job, 3) + 1] if name == "batch" else argv[2])


def _claim_of(reply: list[Any], job: str, *, batch: bool) -> tuple[str, list[int]]:
    """Token and counts of a job that was claimed."""
    if not batch:
        return reply[2].decode(), [reply[3], reply[4], reply[5]]
    attempt, failures, crashes, _, token = reply[reply.index(job.encode(), 1) + 1].decode().split(" ", 4)
    return token, [int(attempt), int(failures), int(crashes)]


def _rows(name: str, argv: list[Any]) -> list[tuple[Any, Any, Any]]:
    """Id, terms and chain of each job of a step that accepts jobs."""
    if name == "fire":
        return [(argv[3], argv[6], b"")]
    if name == "push":
        return [(job, "", b"") for job in argv[1::3]]
    return [(argv[i], argv[i + 3], argv[i + 4]) for i in range(1, len(argv), 5)]
