"""What must hold after a scenario. Each finding is one line; none is what is wanted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from exqueue.model.job import JobRecord
from exqueue.store.events import EventReader
from exqueue.store.invariants import broken
from tests.faults.faults import DEATHS, FREEZES, Scenario
from tests.faults.program import Program
from tests.faults.world import World

# What may happen to a job in which state, by the words of its events.
LIFE: Final[dict[str, dict[str, str]]] = {
    "new": {"enqueued": "ready"},
    "ready": {"claimed": "running", "promoted": "ready", "cancelled": "gone"},
    "running": {
        "completed": "gone", "discarded": "gone", "failed": "failed", "retried": "ready", "snoozed": "ready", "released": "ready",
        "recovered": "ready",
    },
    "failed": {"blocked": "failed", "skipped": "failed", "requeued": "ready", "deleted": "gone"},
    "gone": {"deleted": "gone"},
}  # fmt: skip
LEFT: Final = frozenset({"completed", "discarded", "cancelled", "deleted", "skipped"})


def findings(world: World, program: Program, scenario: Scenario) -> list[str]:
    """All that is wrong when everything is over."""
    events = _events(world)
    lives, lines = _lives(events)
    lines += [*world.troubles, *broken(world.eye, "t"), *_left(world), *_outcomes(world, program, scenario, lives, events)]
    for line in program.lines:
        lines += _order(line, events)
    lines += _together(program, events)
    if all(fault.kind not in (*DEATHS, *FREEZES) for fault in scenario.faults):
        lines += _of_the_living(world, program, lives, events)
    if scenario.freeze is None:
        lines += _crashes(world, events)
        lines += _order(program.queue, events)
        if "skipped" not in {name for _, name in events}:
            for line in (*program.lines, program.queue):
                lines += _starts(world, line)
    return lines


def failed_wrongly(world: World, program: Program, *, all_there: bool) -> Iterator[str]:
    """What is wrong with the jobs in `failed`, before a person has mended anything. `all_there`: whether all have been enqueued."""
    found = {record.id: record for queue in world.reader.queues() for record in _failed(world, queue)}
    for job_id, record in found.items():
        run, fragile = record.run, record.header.worker.endswith("Fragile")
        if job_id not in program.fails and job_id not in program.plays and not (fragile and run.crashes == 1):
            yield f"{job_id} is in failed: {record.errors}"
        if len(record.errors) != run.failures + run.crashes:
            yield f"{job_id} has {len(record.errors)} errors, {run.failures} failures, {run.crashes} crashes"
    for job_id in program.fails & set(world.accepted) - program.gone - found.keys() if all_there else ():
        yield f"{job_id} is not in failed"


def _failed(world: World, queue: str) -> list[JobRecord]:
    ids = world.eye.ask([("ZRANGE", f"t:{{{queue}}}:failed", 0, -1)])[0]
    return [record for job_id in ids if (record := world.reader.find(queue, job_id.decode()))]


def _events(world: World) -> list[tuple[str, str]]:
    return [(event.job, event.name) for event in EventReader(world.eye, "t", history=True).past() if event.job]


def _lives(events: list[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Where each job's events have led, and those that do not follow from the one before."""
    lives: defaultdict[str, str] = defaultdict(lambda: "new")
    lines = []
    for job_id, name in events:
        if name not in LIFE[lives[job_id]]:
            lines.append(f"{job_id} was {name} when it was {lives[job_id]}")
        lives[job_id] = LIFE[lives[job_id]].get(name, lives[job_id])
    return dict(lives), lines


def _left(world: World) -> list[str]:
    """Nothing is left of jobs that are gone; what a queue remembers of itself may be."""
    names = [name.decode() for name in world.eye.ask([("KEYS", "t:*")])[0]]
    jobs = ("processing", "jobs", "bodies", "runs", "errors", "terms", "heads", "uniques", "chains", "outbox", "results", "progress",
            "pending", "ranked", "delayed", "waiting", "blocked", "failed", "done")  # fmt: skip
    kept = [name for name in names if name.split("}:")[-1].split(":")[0] in jobs]
    bells = [name for name in kept if name.endswith(":pending") and set(world.eye.ask([("LRANGE", name, 0, -1)])[0]) == {b"!"}]
    return [f"{name} is left" for name in sorted(kept) if name not in bells]


def _outcomes(world: World, program: Program, scenario: Scenario, lives: dict[str, str], events: list[tuple[str, str]]) -> Iterator[str]:
    done = Counter(job_id for job_id, name in events if name == "completed")
    for job_id in world.accepted:
        if lives.get(job_id) != "gone":
            yield f"{job_id} was accepted and is {lives.get(job_id, 'not there')}"
        elif done[job_id] != 1 and job_id not in program.gone:
            yield f"{job_id} was accepted and is completed {done[job_id]} times"
    for job_id, why in world.refused.items():
        if job_id in lives and job_id not in world.accepted and job_id not in world.maybe:
            yield f"{job_id} was refused ({why}) and is {lives[job_id]}"
    for job_id, count in done.items():
        if count != 1 or (world.starts[job_id] == 0 and not program.ticks):
            yield f"{job_id} was completed {count} times and begun {world.starts[job_id]} times"
    claims = Counter(job_id for job_id, name in events if name == "claimed")
    for job_id, count in world.starts.items():
        if count > claims[job_id] and job_id in lives:
            yield f"{job_id} was begun {count} times and claimed {claims[job_id]} times"
    if program.ticks and len(done) != program.ticks:
        yield f"{len(done)} jobs came of {program.ticks} ticks"


def _together(program: Program, events: list[tuple[str, str]]) -> Iterator[str]:
    """What follows a job comes of its success, and of two jobs of one name there is one."""
    there = {job_id for job_id, name in events if name == "enqueued"}
    done = {job_id for job_id, name in events if name == "completed"}
    for job_id, follower in program.follows.items():
        if (job_id in done) != (follower in there):
            yield f"{job_id} is {'' if job_id in done else 'not '}completed, and {follower} is {'' if follower in there else 'not '}there"
    named: set[str] = set()
    for job_id, name in events:
        if name == "enqueued" and job_id in program.twins and named:
            yield f"{job_id} was enqueued when {sorted(named)} had its name"
        if job_id in program.twins:
            named = named - {job_id} if name in LEFT else named | {job_id}


def _of_the_living(world: World, program: Program, lives: dict[str, str], events: list[tuple[str, str]]) -> Iterator[str]:
    """Where nobody dies or stands still, nobody's outcome is refused, and what shall be stopped is."""
    yield from (f"the outcome of {job_id} was refused" for job_id in world.stale)
    for job_id in sorted(program.stopped & lives.keys()):
        if (job_id, "discarded") not in events:
            yield f"{job_id} was to be stopped, and was not"


def _order(line: tuple[str, ...], events: list[tuple[str, str]]) -> Iterator[str]:
    """None is claimed before all before it have left."""
    there = {job_id for job_id, name in events if name == "enqueued"}
    left: set[str] = set()
    for job_id, name in events:
        if name in LEFT:
            left.add(job_id)
        if name == "requeued":
            left.discard(job_id)
        if name == "claimed" and job_id in line:
            before = [other for other in line[: line.index(job_id)] if other in there and other not in left]
            if before:
                yield f"{job_id} was claimed before {before[0]} had left"


def _starts(world: World, line: tuple[str, ...]) -> Iterator[str]:
    """When nobody runs on after his death, the starts themselves are in order."""
    starts = [line.index(name) for name in world.order if name in line]
    if starts != sorted(starts):
        yield f"the starts are {[line[index] for index in starts]}"


def _crashes(world: World, events: list[tuple[str, str]]) -> Iterator[str]:
    """Each start that was cut off by a death is counted once."""
    counted = sum(int(world.eye.ask([("HGET", f"t:{{{queue}}}:counters", "crashed")])[0] or 0) for queue in world.reader.queues())
    least, pardoned = sum(world.crashes.values()), sum(world.pardoned.values())
    if not least <= counted <= least + pardoned:
        yield f"{counted} crashes are counted, there were {dict(world.crashes)}"
