"""What must be true after a chaos run, by what the jobs themselves wrote down, by the kernel's locks and by the server."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from exqueue.model.job import JobRecord
from tests.chaos.journal import Accepted, Note
from tests.chaos.plan import KEPT, Order, follower
from tests.chaos.rage import Blow
from tests.chaos.workers import POISON_CRASHES

EARLY: Final = 20_000_000  # ns; a clock may be corrected meanwhile
SILENCE: Final = 0.75  # of a lease: a fault may begin up to a beat after the last one, and that beat is late on a busy machine
AFTERMATH: Final = 5.0  # seconds: what was frozen goes on where it was, until its runner, too, has been thawed


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person did. `free`: job -> since when nobody waits for it, ns. `deleted`: jobs that need not have run."""

    free: dict[str, int] = field(default_factory=dict)
    deleted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Findings:
    """Each a list of lines, one for each time it happened. Those of `late` and `beside_elsewhere` are allowed between hosts."""

    lost: list[str]
    disorder: list[str]
    beside: list[str]
    beside_elsewhere: list[str]
    unbidden: list[str]
    hasty: list[str]
    poison: list[str]
    late: list[str]

    @property
    def violations(self) -> dict[str, list[str]]:
        """All that must not have happened."""
        return {
            "lost": self.lost,
            "out of order": self.disorder,
            "two at once on one host": self.beside,
            "ran, but never accepted": self.unbidden,
            "too early": self.hasty,
            "poison pills not in failed": self.poison,
        }


def judge(written: list[Note], known: Accepted, deed: Deed, blows: list[Blow], lease: float, failed: Iterable[JobRecord]) -> Findings:
    """Lay all accounts beside each other."""
    beside, elsewhere = overlaps(written, blows, lease)
    on_time, late = apart(written)
    begins: defaultdict[str, list[int]] = defaultdict(list)
    ends: dict[str, int] = {}
    for note in written:
        if note.word == "begin":
            begins[note.name].append(note.at)
        elif note.word == "end":
            ends.setdefault(note.name, note.at)
    asked = {name for order in known.orders for name in order.names}
    return Findings(
        lost=[name for name in sorted(must_run(known.orders, deed)) if name not in ends],
        disorder=[*disorder(on_time, known.orders, deed)],
        beside=beside,
        beside_elsewhere=elsewhere,
        unbidden=sorted(begins.keys() - asked - known.dubious),
        hasty=hasty(begins, ends, known),
        poison=poison(known, failed),
        late=late,
    )


def must_run(orders: list[Order], deed: Deed) -> set[str]:
    """The names of all jobs that must have succeeded."""
    return {name for order in orders if order.worker != "Poison" and order.name not in deed.deleted for name in order.names} - deed.deleted


def overlaps(written: list[Note], blows: list[Blow], lease: float) -> tuple[list[str], list[str]]:
    """Jobs that began while another one of their lane ran: on one host, and beside a host that had been silent for a lease."""
    host_of = {note.pid: note.host for note in written}
    here: list[str] = []
    elsewhere: list[str] = []
    for note in written:
        if note.word == "beside":
            other = host_of.get(note.more, note.host)
            allowed = other != note.host and was_silent(other, note.at, blows, lease)
            (elsewhere if allowed else here).append(f"{note.name} on {note.host} in {note.pid} beside {note.more} on {other} at {note.at}")
    return here, elsewhere


def was_silent(host: str, at: int, blows: list[Blow], lease: float) -> bool:
    """Whether a fault kept a host, or one of its runners, from beating for a lease, until then or shortly before."""
    least, most = round(SILENCE * lease * 1e9), round(AFTERMATH * 1e9)
    return any(
        blow.host == host and blow.begin <= at - least and blow.end >= at - most and blow.end - blow.begin >= least for blow in blows
    )


def apart(written: list[Note]) -> tuple[list[Note], list[str]]:
    """The starts on time, and those that came late: another host had been given the job before, and begun it.

    On one host a late start is none that is allowed: it stays in the first list.
    """
    begun: dict[str, tuple[str, int]] = {}
    on_time, late = [], []
    for note in written:
        if note.word == "begin":
            host, attempt = begun.get(note.name, (note.host, 0))
            if host != note.host and note.more < attempt:
                late.append(f"{note.name}: start {note.more} on {note.host} came after start {attempt} on {host}")
                continue
            begun[note.name] = (note.host, note.more)
        on_time.append(note)
    return on_time, late


def disorder(written: list[Note], orders: list[Order], deed: Deed) -> list[str]:
    """Starts of jobs before the one before them of their lane had succeeded or was released, or after the next one had begun."""
    lanes: defaultdict[int, list[str]] = defaultdict(list)
    for order in orders:
        if order.is_ordered:
            lanes[order.lane].append(order.name)
    place = {name: (lane, number) for lane, names in lanes.items() for number, name in enumerate(names)}
    first, latest = Counter[int](), Counter[int]()  # lane -> the first that is not done, the last that has begun
    done: set[str] = set()
    found = []
    for note in written:
        if note.name not in place or note.word not in ("begin", "end"):
            continue
        if note.word == "end":
            done.add(note.name)
            continue
        lane, number = place[note.name]
        names = lanes[lane]
        while first[lane] < len(names) and (names[first[lane]] in done or is_free(names[first[lane]], note.at, deed)):
            first[lane] += 1
        if is_free(note.name, note.at, deed):
            continue
        if number > first[lane]:
            found.append(f"{note.name} began before {names[first[lane]]} had succeeded")
        if number < latest[lane]:
            found.append(f"{note.name} began after {names[latest[lane]]} had begun")
        latest[lane] = max(latest[lane], number)
    return found


def is_free(name: str, at: int, deed: Deed) -> bool:
    return deed.free.get(name, at + 1) <= at


def hasty(begins: dict[str, list[int]], ends: dict[str, int], known: Accepted) -> list[str]:
    """Jobs that began before they were due, or before the one they follow had succeeded."""
    found = []
    for order in known.orders:
        due = known.since[order.name] + round(order.delay * 1e9) - EARLY
        found += [f"{order.name} began before it was due" for at in begins.get(order.name, [])[:1] if order.delay and at < due]
        if order.then:
            after = ends.get(order.name, 2**63)
            found += [f"{follower(order.name)} began before {order.name}" for at in begins.get(follower(order.name), [])[:1] if at < after]
    return found


def poison(known: Accepted, failed: Iterable[JobRecord]) -> list[str]:
    """The poison pills that are not in failed after exactly so many crashes, and what else is there."""
    crashes = {record.id: record.run.crashes for record in failed}
    pills = {order.name for order in known.orders if order.worker == "Poison"}
    wrong = [f"{name}: crashes {crashes.get(name)}" for name in sorted(pills) if crashes.get(name) != POISON_CRASHES]
    return wrong + [f"{name} failed, and is no poison" for name in sorted(crashes.keys() - pills)]


def out_of_time(records: Iterable[JobRecord], orders: list[Order], deed: Deed) -> list[str]:
    """The order by what the server says of the jobs it keeps: each was started, for the last time, when the one before was done."""
    places = {order.name: (order.lane, number) for number, order in enumerate(orders)}
    lanes: defaultdict[int, list[tuple[int, str, int, int]]] = defaultdict(list)
    for record in records:
        name = name_of(record)
        if name in places and name not in deed.free:
            lane, number = places[name]
            lanes[lane].append((number, name, record.run.since, record.when - KEPT * 1000))
    pairs = [pair for found in lanes.values() for pair in pairwise(sorted(found))]
    wrong = [f"{name} was started before {before} was done" for (_, before, _, done), (_, name, since, _) in pairs if since < done]
    return [f"by the server's clock {line}" for line in wrong]


def name_of(record: JobRecord) -> str:
    """The name of a job: its first argument."""
    return record.header.args.split(",")[0].strip("'\"")
