"""All scenarios of a program, or an even sample of them that is always the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tests.faults.bench import Bench
from tests.faults.faults import FREEZES, Fault, Request, Scenario


@dataclass(frozen=True, slots=True)
class Sample:
    """Of how many scenarios one is run. `singles`: with one fault in the program; `healing`: with one in what comes after it.

    `pairs`: how many second faults are tried for each single one. `zombies`, `moves`: of the requests somebody stands still
    at, and of the numbers of moves the others make meanwhile.
    """

    singles: int
    healing: int
    pairs: int
    zombies: int
    moves: int


EVERYTHING = Sample(singles=1, healing=1, pairs=10**9, zombies=1, moves=1)
SOME = Sample(singles=4, healing=13, pairs=1, zombies=3, moves=29)
MOVES = 60  # requests after which those who take over have done all they can


def scenarios(bench: Bench, program: str, sample: Sample) -> Iterator[tuple[Scenario, list[str]]]:
    """Run the scenarios of a program; each with what is wrong after it."""
    found, trace = bench.run(undisturbed := Scenario(program))
    yield undisturbed, found
    own = [request for request in trace if not _heals(request)]
    healing = [request for request in trace if _heals(request)]
    firsts = [*islice(_singles(program, own), 0, None, sample.singles), *islice(_singles(program, healing), 0, None, sample.healing)]
    for turn, first in enumerate(firsts):
        found, trace = bench.run(first)
        yield first, found
        for pair in _some(list(_pairs(first, trace)), sample.pairs, turn):
            yield pair, bench.run(pair)[0]
    for zombie in islice(_zombies(program, own, sample.moves), 0, None, sample.zombies):
        yield zombie, bench.run(zombie)[0]


def _heals(request: Request) -> bool:
    """Whether it comes after the program: the names of those actors begin so."""
    return request.actor.startswith("m")


def _singles(program: str, trace: Sequence[Request]) -> Iterator[Scenario]:
    for request in trace:
        for kind in request.kinds:
            yield Scenario(program, (Fault(request.actor, request.number, kind),))


def _pairs(first: Scenario, trace: Sequence[Request]) -> Iterator[Scenario]:
    """A second fault, in each way at each request behind the first one. `trace`: with the first one."""
    (fault,) = first.faults
    at = next((index for index, request in enumerate(trace) if (request.actor, request.number) == (fault.actor, fault.number)), len(trace))
    for request in trace[at + 1 :]:
        for kind in request.kinds:
            yield Scenario(first.program, (fault, Fault(request.actor, request.number, kind)))


def _some(items: list[Scenario], most: int, turn: int) -> list[Scenario]:
    """So many of them, others at each turn."""
    if len(items) <= most:
        return items
    return [items[(turn * 7919 + number * len(items) // most) % len(items)] for number in range(most)]


def _zombies(program: str, trace: Sequence[Request], step: int) -> Iterator[Scenario]:
    """Somebody stands still at each request, before and after it, while the others make some moves."""
    for position, request in enumerate(trace):
        for kind in FREEZES:
            for moves in range(position % step, MOVES, step):
                yield Scenario(program, (Fault(request.actor, request.number, kind, moves),))
