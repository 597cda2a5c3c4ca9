"""What a program is, and what its jobs may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exqueue.model.steer import Reject
from exqueue.model.worker import Worker
from tests.faults.workers import Plain
from tests.faults.world import World

Play = Callable[[World, Worker], Any]


@dataclass(frozen=True, slots=True)
class Program:
    """`plays`: what jobs do that do not just succeed. `lines`: ids that must succeed one after the other; none of them begins
    before those before it have left. `queue`: the same, as long as there is one worker process at a time. `fails`: ids that end
    in `failed`, until a person has mended them, if they were accepted. `gone`: ids that a person may have removed. `ticks`: how
    many jobs a schedule makes. `follows`: what is enqueued with the success of an id. `twins`: ids of one unique name. `stopped`:
    ids that a person wants to be stopped when they run.
    """

    name: str
    run: Callable[[World], None]
    workers: tuple[type[Worker], ...] = (Plain,)
    plays: Mapping[str, Play] = field(default_factory=dict)
    lines: tuple[tuple[str, ...], ...] = ()
    queue: tuple[str, ...] = ()
    fails: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    ticks: int = 0
    follows: Mapping[str, str] = field(default_factory=dict)
    twins: frozenset[str] = frozenset()
    stopped: frozenset[str] = frozenset()


def until_mended(world: World, worker: Worker) -> None:
    """Fail, until a person has mended what was wrong."""
    if not world.mended:
        raise ValueError("not yet")


def rejected_until_mended(world: World, worker: Worker) -> None:
    """Fail for good at once, until it is mended."""
    if not world.mended:
        raise Reject("not yet")


def once(error: BaseException) -> Play:
    """Raise this at the first start, then succeed."""

    def play(world: World, worker: Worker) -> None:
        if worker.job.attempt == 1:
            raise error

    return play


def plain(job_id: str) -> Any:
    """A plain job."""
    return Plain.options(id=job_id)


def of_key(job_id: str) -> Any:
    """A job whose key is the first letter of its id."""
    return Plain.options(id=job_id, key=job_id[0])
