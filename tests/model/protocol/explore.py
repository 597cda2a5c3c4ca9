"""An explicit-state model checker: every state that can be reached, the shortest way to a wrong one, and what is stuck.

Breadth first, as SPIN's `-DBFS`; a state is stuck if no sequence of moves leads from it to a good end (AG EF in CTL).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar


class State(Protocol):
    """What is explored. `key`: two states with equal keys are the same one."""

    def key(self) -> Hashable:
        """All of it."""

    def wrong(self) -> str:
        """What must never be, empty if all is well."""

    def ended(self) -> bool:
        """Whether this is a good end."""


S = TypeVar("S", bound=State)


@dataclass(frozen=True, slots=True)
class Found:
    """How many states there are; what is wrong with the first bad one, and the moves that lead to it."""

    states: int
    problem: str = ""
    trace: tuple[str, ...] = ()


def explore(start: S, moves: Callable[[S], Iterable[tuple[str, S]]], most: int = 3_000_000) -> Found:
    """Look at all states. Raises OverflowError beyond `most` of them: what was not looked at was not checked."""
    numbers: dict[Hashable, int] = {start.key(): 0}
    came: list[tuple[int, str]] = [(0, "")]
    before: list[list[int]] = [[]]
    good = [0] if start.ended() else []
    frontier = deque([(0, start)])
    while frontier:
        number, state = frontier.popleft()
        for label, after in moves(state):
            key = after.key()
            known = numbers.get(key)
            if known is not None:
                before[known].append(number)
                continue
            found = numbers[key] = len(came)
            came.append((number, label))
            before.append([number])
            if problem := after.wrong():
                return Found(len(came), problem, _trace(came, found))
            if after.ended():
                good.append(found)
            if len(came) > most:
                raise OverflowError(f"more than {most:,} states")
            frontier.append((found, after))
    stuck = _stuck(before, good)
    return Found(len(came), "" if stuck is None else "stuck", () if stuck is None else _trace(came, stuck))


def _stuck(before: list[list[int]], good: list[int]) -> int | None:
    """The first state from which no good end can be reached."""
    can, todo = set(good), list(good)
    while todo:
        for number in before[todo.pop()]:
            if number not in can:
                can.add(number)
                todo.append(number)
    return next((number for number in range(len(before)) if number not in can), None)


def _trace(came: list[tuple[int, str]], number: int) -> tuple[str, ...]:
    labels = []
    while number:
        number, label = came[number]
        labels.append(label)
    return tuple(reversed(labels))
