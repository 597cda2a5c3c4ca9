"""Which faults a chaos run has, and when: decided by the seed alone."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

QUIET: Final = 1.0  # seconds before the first fault
SERVER_APART: Final = 1.5  # seconds between two faults of the server

# kind -> (weight, shortest and longest time). In seconds, evenly spread over their logarithm: many short ones, a few long
# ones. Where the bounds are negative in leases, evenly spread: a runner that is frozen for 1.5 has surely been given up.
KINDS: Final[dict[str, tuple[int, float, float]]] = {
    "worker process killed": (14, 0, 0),
    "all worker processes of a runner killed": (2, 0, 0),
    "fork server killed": (3, 0, 0),
    "runner killed": (3, 0.05, 1),
    "host killed": (1, 0.05, 1),
    "worker process frozen": (5, -0.1, -2),
    "fork server frozen": (3, -0.1, -2),
    "runner frozen": (8, -0.5, -2),
    "whole runner frozen": (5, -0.5, -2),
    "runner restarted": (2, 0.05, 0.5),
    "runner told twice to stop": (2, 0.05, 0.5),
    "server killed": (4, 0.02, 2),
    "server killed while it rewrites its file": (1, 0.02, 1),
    "server frozen": (2, 0.1, 10),
    "requests vanish": (4, 0.5, 5),
    "replies vanish": (4, 0.5, 5),
    "replies lost": (8, 0, 0),
    "requests lost": (3, 0, 0),
    "requests cut": (4, 0, 0),
    "connections cut": (4, 0, 0),
    "slow connections": (4, 0.5, 5),
    "client killed": (4, 0.05, 1),
    "scripts flushed": (2, 0, 0),
}
SERVER: Final = frozenset({"server killed", "server killed while it rewrites its file", "server frozen"})
RUNNER_FROZEN: Final = frozenset({"runner frozen", "whole runner frozen"})
WAYS: Final = frozenset({
    "requests vanish", "replies vanish", "replies lost", "requests lost", "requests cut", "connections cut", "slow connections",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """`at`: seconds from the start. `seconds`: how long it lasts. `draw`: which of the possible victims. `size`: 0 to 1, how bad."""

    at: float
    kind: str
    seconds: float
    draw: int
    size: float

    def one(self, victims: list[int]) -> int:
        """The victim."""
        return victims[self.draw % len(victims)]

    def __str__(self) -> str:
        return f"{self.at:8.2f} {self.kind}, {self.seconds:.2f} s, victim {self.draw}, size {self.size:.2f}"


def schedule(seed: int, seconds: float, count: int, lease: float) -> list[Fault]:
    """`count` faults within so many seconds or little more; each kind once before any comes twice, then by weight.

    While a runner is frozen for long nothing else begins: who cannot reach Redis takes nobody for dead.
    """
    chance = random.Random(f"{seed}/faults")
    kinds = [*chance.sample(list(KINDS), len(KINDS)), *_deck(chance, count)][:count]
    chance.shuffle(kinds)
    times = sorted(QUIET + chance.random() * max(0.0, seconds - QUIET) for _ in kinds)
    faults, calm, server_free = [], 0.0, 0.0
    for at, kind in zip(times, kinds, strict=True):
        lasts = _duration(chance, kind, seconds, lease)
        begin = at if at > calm else calm + chance.random()
        if kind in SERVER:
            begin = max(begin, server_free)
            server_free = begin + lasts + SERVER_APART
        if kind in RUNNER_FROZEN and 1.4 * lease < lasts < seconds / 15:
            calm = begin + lasts
        faults.append(Fault(begin, kind, lasts, chance.randrange(2**32), chance.random()))
    return sorted(faults, key=lambda fault: fault.at)


def _duration(chance: random.Random, kind: str, seconds: float, lease: float) -> float:
    _, least, most = KINDS[kind]
    if least < 0:
        return -lease * (least + chance.random() * (most - least))
    lasts = least * math.exp(chance.random() * math.log(most / least)) if least else 0.0
    return min(lasts, max(least, seconds / 8))  # a short run shall not be one long pause


def _deck(chance: random.Random, count: int) -> list[str]:
    cards = [kind for kind, (weight, _, _) in KINDS.items() for _ in range(weight)]
    return [kind for _ in range(1 + count // len(cards)) for kind in chance.sample(cards, len(cards))]
