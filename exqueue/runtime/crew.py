"""How many worker processes there shall be, which there are, and when a dead one is replaced. No processes, no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from exqueue.model.worker import WorkerSpec
from exqueue.runtime.board import CELLS

HEALTHY: Final = 1.0  # seconds a process must live for its end not to count as part of a crash storm
FIRST_PAUSE: Final = 0.1
UNBORN: Final = 50
LONGEST_PAUSE: Final = 5.0


@dataclass(slots=True)
class Child:
    """A worker process of ours. `pid` is 0 until it is born; `killed`: we did it, on purpose.

    `cell`: its place on the board. `stopping`: the number of the start that a person wants to be stopped, since when;
    `urged`: that of the one that was told to stop once more; 0 for none.
    """

    slot: str
    spec: WorkerSpec
    since: float
    cell: int = 0
    pid: int = 0
    start: int = 0
    killed: bool = False
    stopping: int = 0
    stopping_since: float = 0.0
    urged: int = 0


@dataclass(slots=True)
class _Trouble:
    crashes: int = 0
    not_before: float = 0.0


class Crew:
    """The worker processes of one runner. `specs`: which there shall be, one for each worker type and queue; it may grow."""

    def __init__(self, specs: tuple[WorkerSpec, ...], runner: str) -> None:
        self.specs = specs
        self._runner = runner
        self._made = self._next_cell = 0
        self._taken: set[int] = set()
        self._trouble: defaultdict[WorkerSpec, _Trouble] = defaultdict(_Trouble)
        self.children: dict[str, Child] = {}

    def missing(self, now: float, without: Set[str] = frozenset()) -> list[Child]:
        """New children, to be forked now, so that every worker type has its number. `now`: monotonic seconds.

        `without`: queues that get none.

        No more than UNBORN are asked for at a time: runner and fork server must not both wait for the other to read.
        """
        fresh: list[Child] = []
        room = min(UNBORN - sum(1 for child in self.children.values() if not child.pid), CELLS - len(self.children))
        self._taken = {child.cell for child in self.children.values()}
        for spec in self.specs:
            lacking = spec.processes - sum(1 for child in self.children.values() if child.spec == spec)
            if now >= self._trouble[spec].not_before and spec.queue not in without:
                fresh += [self._make(spec, now) for _ in range(min(lacking, room - len(fresh)))]
        return fresh

    def next_due(self, now: float) -> float | None:
        """Seconds until a replacement that is held back may be made; None if none is."""
        waits = [trouble.not_before - now for trouble in self._trouble.values() if trouble.not_before > now]
        return min(waits, default=None)

    def by_pid(self, pid: int) -> Child | None:
        """The child of that pid."""
        return next((child for child in self.children.values() if child.pid == pid), None)

    def ended(self, child: Child, *, orderly: bool, now: float) -> None:
        """A child is gone. Its first crash is mended at once; in a storm the pauses double, so that it cannot spin."""
        self.children.pop(child.slot, None)
        trouble = self._trouble[child.spec]
        if orderly or now - child.since >= HEALTHY:
            trouble.crashes = 0
            return
        trouble.crashes += 1
        if trouble.crashes > 1:
            trouble.not_before = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (trouble.crashes - 2))

    def _make(self, spec: WorkerSpec, now: float) -> Child:
        self._made += 1
        while (cell := self._next_cell % CELLS) in self._taken:
            self._next_cell += 1
        self._next_cell += 1  # not the one that became free last: its process may have died unseen, and write there yet
        self._taken.add(cell)
        child = Child(f"{self._runner}.{self._made}", spec, now, cell)
        self.children[child.slot] = child
        return child
