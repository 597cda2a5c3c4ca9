"""What jobs, producers and the person of a chaos run have written down, read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.plan import Order, orders


@dataclass(frozen=True, slots=True)
class Note:
    """A line of a job. `at`: CLOCK_MONOTONIC, ns. `word`: begin, end, fail, snooze, or beside: its lane was taken.

    `more`: the attempt; of `beside` the pid of the other one, 0 if that had let go meanwhile.
    """

    at: int
    word: str
    name: str
    host: str
    pid: int
    more: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the producers know. `orders`: accepted ones, each producer's in order. `since`: order -> when it was first tried, ns.

    `dubious`: names of jobs that may have been accepted. `uncertain`: orders whose enqueue ended with an uncertain error.
    """

    orders: list[Order] = field(default_factory=list)
    since: dict[str, int] = field(default_factory=dict)
    dubious: set[str] = field(default_factory=set)
    uncertain: list[str] = field(default_factory=list)


def notes(directory: Path) -> list[Note]:
    """All that the jobs wrote, in the order of time."""
    return sorted(_notes(directory / "journal"), key=lambda note: note.at)


def _notes(path: Path) -> Iterator[Note]:
    for line in lines(path):
        at, word, name, host, pid, more = line
        yield Note(int(at), word, name, host, int(pid), int(more))


def accepted(directory: Path, seed: int, producers: int) -> Accepted:
    """Lay what the producers wrote beside the plan."""
    known = Accepted()
    for producer in range(producers):
        words: dict[str, dict[int, int]] = {"try": {}, "ok": {}, "unsure": {}, "dubious": {}}
        for at, word, text in lines(directory / f"producer-{producer}"):
            words[word].setdefault(int(text), int(at))
        known.uncertain.extend(f"{producer}-{number}" for number in words["unsure"] | words["dubious"])
        last = max(words["try"] | words["dubious"], default=-1)
        for number, order in zip(range(last + 1), orders(seed, producer, producers), strict=False):
            if number in words["ok"]:
                known.orders.append(order)
                known.since[order.name] = words["try"][number]
            elif number in words["try"] or number in words["dubious"]:
                known.dubious.update(order.names)
    return known


def released(directory: Path) -> tuple[dict[str, int], set[str], Counter[str]]:
    """What the person did: job -> since when it holds up nobody any more, ns; the deleted ones; how often what was done."""
    free: dict[str, int] = {}
    deleted: set[str] = set()
    count: Counter[str] = Counter()
    for at, word, name in lines(directory / "person"):
        count[word] += 1
        if word in ("skip", "delete"):
            free.setdefault(name, int(at))
        if word == "delete":
            deleted.add(name)
    return free, deleted, count


def lines(path: Path) -> Iterator[list[str]]:
    """The words of each line; none if there is no such file."""
    if path.exists():
        with path.open() as file:
            for line in file:
                yield line.split()
