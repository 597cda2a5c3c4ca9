"""From what everybody says to what was wrong, and to the table that is printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exqueue.model.errors import StoreError
from exqueue.model.job import JobRecord
from exqueue.model.lifecycle import Place
from exqueue.store.invariants import broken
from tests.chaos import journal
from tests.chaos.journal import Accepted, Note
from tests.chaos.judge import Deed, Findings, judge, out_of_time
from tests.chaos.plan import follower
from tests.chaos.rage import Rage
from tests.chaos.workers import QUEUES
from tests.chaos.world import NAMESPACE, Options, World

LOGGED: Final = {
    "results refused": "its result is dropped",
    "slots taken over": "took over slot",
    "jobs put back after a crash": "back at the head of its queue, crash",
    "runners that killed their own": "no beat for",
    "errors in exqueue": "because of an error in exqueue",
}


@dataclass(frozen=True, slots=True)
class State:
    """What the server holds at the end. `stored`: jobs ever, over all queues. `committed`: those that have succeeded."""

    invariants: list[str]
    stored: int
    committed: int
    failed: list[JobRecord]
    kept: list[JobRecord]
    slots: list[str]

    @staticmethod
    def of(world: World) -> State:
        try:
            counts = [world.app.queue(queue).counts() for queue in QUEUES]
            return State(
                broken(world.app.channel, NAMESPACE),
                sum(count.enqueued for count in counts),
                sum(count.completed + count.done for count in counts),
                [record for queue in QUEUES for record in world.app.reader.all_in(queue, Place.FAILED)],
                [record for queue in QUEUES for record in world.app.reader.all_in(queue, Place.DONE)],
                [str(slot) for queue in QUEUES for slot in world.app.reader.slots(queue)],
            )
        except StoreError as error:
            return State([f"the server cannot be asked: {error}"], 0, 0, [], [], [])


@dataclass(frozen=True, slots=True)
class Result:
    """`violations`: what must not be -> how it was. `rows`: figures. `faults`: kind -> how many."""

    violations: dict[str, list[str]]
    rows: dict[str, int]
    faults: Counter[str]

    @property
    def is_good(self) -> bool:
        """Whether nothing was that must not be."""
        return not any(self.violations.values())


def verdict(options: Options, directory: Path, state: State, rage: Rage, trouble: list[str], left: list[int]) -> Result:
    """Lay together what jobs, clients, the log and the server say. `left`: processes that should be gone."""
    written, known = journal.notes(directory), journal.accepted(directory, options.seed, options.producers)
    free, deleted, deeds = journal.released(directory)
    deed = Deed(free, frozenset(deleted))
    found = judge(written, known, deed, rage.blows, options.lease, state.failed)
    log = (directory / "log").read_text(errors="replace")
    logged = {what: log.count(words) for what, words in LOGGED.items()}
    violations = {
        **found.violations,
        "out of order by the server": out_of_time(state.kept, known.orders, deed),
        "invariants broken": state.invariants,
        "not counted once": miscounted(state, written, known, deed),
        "errors in exqueue": ["see the log"] * logged["errors in exqueue"],
        "processes left": [str(pid) for pid in left],
        "slots left by runners that were stopped in good order": state.slots,
        "trouble": trouble,
    }
    return Result(violations, table(written, known, found, deeds, logged), Counter(blow.kind for blow in rage.blows))


def miscounted(state: State, written: list[Note], known: Accepted, deed: Deed) -> list[str]:
    """Each job is stored once and committed once, by counters that a job which is sent or run twice must not move twice."""
    found = []
    accepted = sum(len(order.names) for order in known.orders)
    least = accepted - sum(order.then and order.name in deed.deleted for order in known.orders)
    if not least <= state.stored <= accepted + len(known.dubious):
        found.append(f"{state.stored} jobs were stored; {least} to {accepted} were accepted, and {len(known.dubious)} perhaps")
    ended = len({note.name for note in written if note.word == "end"})
    if state.committed != ended:
        found.append(f"{ended} jobs have succeeded, but {state.committed} are counted")
    return found


def table(written: list[Note], known: Accepted, found: Findings, deeds: Counter[str], logged: dict[str, int]) -> dict[str, int]:
    """The figures of the run."""
    begins = Counter(note.name for note in written if note.word == "begin")
    ends = Counter(note.name for note in written if note.word == "end")
    return {
        "accepted": sum(len(order.names) for order in known.orders),
        "with an order": sum(order.is_ordered for order in known.orders),
        "enqueues that ended uncertain": len(known.uncertain),
        "of these, never asked again": len(known.dubious),
        "run": len(begins),
        "starts": begins.total(),
        "succeeded twice (allowed)": sum(count > 1 for count in ends.values()),
        "lost": len(found.lost),
        "out of order": len(found.disorder),
        "two at once on one host": len(found.beside),
        "two at once on two hosts (allowed after a lease)": len(found.beside_elsewhere),
        "late starts on another host (allowed after a lease)": len(found.late),
        **logged,
        **{f"by a person: {word}": count for word, count in sorted(deeds.items()) if not word.startswith("no-")},
        "poison pills in failed": sum(order.worker == "Poison" for order in known.orders) - len(found.poison),
        "followers": sum(follower(order.name) in ends for order in known.orders if order.then),
    }
