"""Plays a seed: what came of it, as a value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.simulation.stage import Violation
from tests.simulation.wire import Server
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Course:
    """What happened. `problem`: what does not hold, empty if all does. `trace`: when, who, what, for each turn."""

    problem: str
    trace: list[tuple[Any, ...]]
    counts: Counter[str]


def play(seed: int, server: Server) -> Course:
    """The course of a seed is the same each time."""
    world, problem = World(seed, server), ""
    try:
        world.run()
    except Violation as violation:
        problem = str(violation)
    counts = Counter(world.wire.counts) + world.history.counts + world.plays.counts + world.answers.counts
    return Course(problem, world.stage.trace, counts)
