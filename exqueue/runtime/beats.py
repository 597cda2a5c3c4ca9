"""The beats of a runner: it shows Redis that it lives, in each of its queues, and kills in time what runs where it cannot."""

from __future__ import annotations

import logging
import socket
from collections import defaultdict
from typing import Final

from exqueue.model.errors import StoreError, StoreUnavailable
from exqueue.runtime.board import Board
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.crew import Child
from exqueue.runtime.staff import NEVER, Staff
from exqueue.store.base import BATCH
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.steps import Store

LOG: Final = logging.getLogger("exqueue.runner")
FENCE_AT: Final = 0.6  # of a lease without a beat: from then on others may soon take us for dead


class Beats:
    """`lacking`: the queues in which the last beat could not be done, because of what is wrong with them alone."""

    def __init__(self, store: Store, caretaker: Caretaker, staff: Staff, board: Board, me: Identity, lease: float) -> None:
        self._store = store
        self._caretaker = caretaker
        self._staff = staff
        self._board = board
        self._me = me
        self._lease = lease
        self._heard: dict[str, float] = {}
        self._last = 0.0
        self.lacking: frozenset[str] = frozenset()

    @property
    def begun(self) -> bool:
        """Whether any was done yet."""
        return self._last > 0

    def beat(self, now: float) -> None:
        """Beat in all queues. What is wrong with some of them is told; with all of them, it is raised."""
        queues, failed = self._caretaker.queues, dict[str, StoreError]()
        for queue in queues:
            try:
                self._beat(queue)
            except StoreUnavailable:
                raise
            except StoreError as error:
                failed[queue] = error
        if failed and len(failed) == len(queues):
            raise next(iter(failed.values()))
        for queue in queues:
            self._caretaker.troubles.note("beat", queue, failed.get(queue))
            # When it was sent, not when it was answered: others may have seen it as early as that.
            self._heard[queue] = self._since(queue) if queue in failed else now
        self._last, self.lacking = now, frozenset(failed)
        self._show()

    def fence(self, now: float) -> None:
        """Kill the worker processes of the queues that have been without a beat for too long."""
        alive = self._alive()
        late = {queue: slots for queue, slots in alive.items() if now >= self._due(queue)}
        for queue, slots in late.items() if len(late) < len(alive) else ():
            said = "no beat for %.0f s in %s: others may take over soon, so its worker processes are killed until there is one"
            LOG.error(said, now - self._since(queue), queue)
            self._staff.kill(slots)
        if late and len(late) == len(alive):
            longest = now - min(map(self._since, late))
            LOG.error("no beat for %.0f s: others may take over soon, so the worker processes are killed", longest)
            self._staff.kill()
        if late:
            self._show()

    def next_fence(self) -> float:
        """When `fence` has something to do, unless there is a beat before; NEVER if nothing runs."""
        return min(map(self._due, self._alive()), default=NEVER)

    def _beat(self, queue: str) -> None:
        born = [child for child in self._staff.crew.children.values() if child.spec.queue == queue and child.pid]
        for start in range(0, max(1, len(born)), BATCH):
            slots = {child.slot: self.info(child) for child in born[start : start + BATCH]}
            if taken := self._store.beat(queue, self._me.runner, slots):
                LOG.warning("slots %s were taken over by another runner; their processes are killed", ", ".join(taken))
                self._staff.kill(taken)
            self._caretaker.beaten(queue)

    def _since(self, queue: str) -> float:
        """The last beat in a queue; in one that was found since, the last before that."""
        return self._heard.get(queue, self._last)

    def _due(self, queue: str) -> float:
        """When its processes are to be killed. One sum for both who ask: of two, one may come out a little earlier."""
        return self._since(queue) + FENCE_AT * self._lease

    def _show(self) -> None:
        # Who goes by the board is killed, or begins nothing, by the queue whose beat is the oldest: nobody of a queue that
        # has none is left alone with a runner that is frozen before it has fenced it. What is fenced holds up no others.
        self._board.heard = min(map(self._since, self._alive()), default=self._last)

    def _alive(self) -> dict[str, list[str]]:
        """The slots of those that were not killed, by queue."""
        found = defaultdict[str, list[str]](list)
        for child in self._staff.crew.children.values():
            if not child.killed:
                found[child.spec.queue].append(child.slot)
        return dict(found)

    def info(self, child: Child) -> str:
        """A worker process, as Redis is told of it."""
        me, name = self._me, socket.gethostname()
        return SlotInfo(
            child.slot, me.runner, me.host, child.pid, child.start, me.pid, me.start, child.spec.name, name, self._lease
        ).encode()
