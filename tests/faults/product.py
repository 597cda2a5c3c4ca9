"""All scenarios of a program, or an even sample of them that is always the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.bench import Bench
from tests.faults.faults import FREEZES, Fault, Kind, Request, Scenario


@dataclass(frozen=True, slots=True)
class Sample:
    """How many scenarios of a program are run. `singles`: with one fault in the program; `healing`: with one in what comes after it.

    `pairs`: for each of these, how many with a second fault behind the first. `zombies`: in which a worker process stands still,
    and a quarter as many in which somebody else does.
    """

    singles: int
    healing: int
    pairs: int
    zombies: int

    @property
    def whole(self) -> int:
        """How many there are in all, if the program has so many, with the one without a fault."""
        return 1 + (self.singles + self.healing) * (1 + self.pairs) + self.zombies + self.zombies // 4


EVERYTHING: Final = Sample(10**9, 10**9, 10**9, 10**9)
SOME: Final = Sample(singles=100, healing=12, pairs=1, zombies=52)
FEW: Final = Sample(singles=24, healing=4, pairs=1, zombies=44)
WORKER_PROCESS: Final = re.compile(r"\w+p\d+$|other$")
MOST: Final = 90  # requests after which those who take over have done all they can
NEVER: Final = 9999


def scenarios(bench: Bench, program: str, sample: Sample) -> Iterator[tuple[Scenario, list[str]]]:
    """Run the scenarios of a program; each with what is wrong after it."""
    found, trace = bench.run(undisturbed := Scenario(program))
    yield undisturbed, found
    own = [request for request in trace if not _heals(request)]
    healing = [request for request in trace if _heals(request)]
    firsts = [*_some(_singles(program, own), sample.singles), *_some(_singles(program, healing), sample.healing)]
    for turn, first in enumerate(firsts):
        found, trace = bench.run(first)
        yield first, found
        for pair in _some(_pairs(first, trace), sample.pairs, turn * 7919):
            yield pair, bench.run(pair)[0]
    processes = [request for request in own if WORKER_PROCESS.match(request.actor)]
    others = [request for request in own if not WORKER_PROCESS.match(request.actor)]
    moments = _moments(bench, program, processes[0])
    for requests, most in ((processes, sample.zombies), (others, sample.zombies // 4)):
        for zombie in _some(_zombies(program, requests, moments), most):
            yield zombie, bench.run(zombie)[0]


def _moments(bench: Bench, program: str, request: Request) -> list[int]:
    """After how many requests those who take over are about to change anything; and when they have done all."""
    _, trace = bench.run(Scenario(program, (Fault(request.actor, request.number, Kind.FROZEN_BEFORE, NEVER),)))
    meanwhile = trace[trace.index(request) + 1 :]
    return [position for position, other in enumerate(meanwhile[:MOST]) if other.step] + [NEVER]


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


def _zombies(program: str, trace: Sequence[Request], moments: list[int]) -> Iterator[Scenario]:
    """Somebody stands still at each request, before and after it, until the others are about to change something."""
    for request in trace:
        for kind in FREEZES:
            for moves in moments:
                yield Scenario(program, (Fault(request.actor, request.number, kind, moves),))


def _some(items: Iterator[Scenario], most: int, first: int = 0) -> list[Scenario]:
    """So many of them, at even distances."""
    found = list(items)
    if len(found) <= most:
        return found
    return [found[(first + number * len(found) // most) % len(found)] for number in range(most)]
