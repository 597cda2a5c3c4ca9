"""The runner's part in stopping jobs: it brings a person's wish to the process, and insists where a job does not stop.

The first word is an exception in the job: by its own timer at its time limit, or because the runner has sent SIGALRM.
If the job still runs half of `kill_after` later the runner sends SIGTERM, and the exception comes once more; at
`kill_after` it kills the process, whatever that is doing. `Recovery` makes the outcome then.
"""

from __future__ import annotations

import logging
import signal
from collections import defaultdict
from collections.abc import Collection
from typing import Final

from exqueue.runtime.board import Board, number_of
from exqueue.runtime.crew import Child
from exqueue.runtime.staff import Staff

LOG: Final = logging.getLogger("exqueue.runner")


class Enforcer:
    """Looks at the board at every turn of the runner. Times are monotonic."""

    def __init__(self, staff: Staff, board: Board, kill_after: float) -> None:
        self._staff = staff
        self._board = board
        self._kill_after = kill_after

    def look(self, now: float) -> None:
        """Insist that those jobs stop whose time is up."""
        for child in self._staff.living():
            limited = self._board.cell(child.cell).limited()
            if limited and now >= limited.deadline + self._kill_after / 2:
                self._insist(child, limited.number, late=now >= limited.deadline + self._kill_after)

    def stop(self, tokens: Collection[str], now: float) -> None:
        """Stop the jobs of these starts, as far as they are ours, and forget those that are not among them any more."""
        wanted = defaultdict[str, set[int]](set)
        for token in tokens:
            wanted[token.rpartition("/")[0]].add(number_of(token))
        for child in self._staff.living():
            cell, numbers = self._board.cell(child.cell), wanted[child.slot]
            begun = cell.begun
            number = begun if begun in numbers else min((other for other in numbers if other > begun), default=0)
            if number:
                cell.stop(number)
            if number > begun > 0 and number != cell.unheard:
                continue  # it waits in a batch: its process sees that when its turn comes, and what runs now goes on
            if number != child.stopping:
                child.stopping, child.stopping_since = number, now
                if number:
                    self._staff.signal(child, signal.SIGALRM)
            elif number and now >= child.stopping_since + self._kill_after / 2:
                self._insist(child, number, late=now >= child.stopping_since + self._kill_after)

    def _insist(self, child: Child, number: int, *, late: bool) -> None:
        if child.urged != number:
            child.urged = number
            self._board.cell(child.cell).urge(number)
            self._staff.signal(child, signal.SIGTERM)
        elif late:  # seen at two turns, at least: a cell may be read while it is written
            LOG.warning("worker process %d of %s is killed: its job does not stop", child.pid, child.spec.name)
            self._staff.kill([child.slot])
