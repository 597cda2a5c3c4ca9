"""What a runner does for its queues besides running jobs: promote what is due, take over what others left, sweep."""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from exqueue.model.job import Counts
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.delivery import deliver
from exqueue.runtime.host import is_gone, kill_and_wait
from exqueue.runtime.recovery import Death, Recovery
from exqueue.runtime.rest import lay_to_rest
from exqueue.runtime.troubles import Troubles
from exqueue.store.base import BATCH
from exqueue.store.reads import Reader
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.steps import Store

T = TypeVar("T")

LOG: Final = logging.getLogger("exqueue.caretaker")
GRAVE_MS: Final = 600_000  # how long a late BLMOVE of a dead client is reckoned with
AT_ONCE: Final = 50  # steps of a hundred jobs
ABSENT: Final = "absent"  # in place of the counter of a runner that has none
FOREIGN: Final = "\ufffd"  # in a name that is not UTF-8: no slot of ours


@dataclass(frozen=True, slots=True)
class Identity:
    """A runner: a name nobody else has, and where it runs."""

    runner: str
    host: str
    pid: int
    start: int


@dataclass(slots=True)
class _Sighting:
    beat: str
    since: float


class Caretaker:
    """Looks after the queues of some workers. `lease`: seconds without a beat after which a runner elsewhere is dead.

    `troubles`: what is wrong with some of them.
    """

    def __init__(self, store: Store, reader: Reader, me: Identity, specs: tuple[WorkerSpec, ...], lease: float) -> None:
        self._store = store
        self._reader = reader
        self._me = me
        self._lease = lease
        self._specs = specs
        self._recovery = Recovery(store, reader, specs)
        self._sightings: dict[tuple[str, str], _Sighting] = {}
        self._beats: Counter[str] = Counter()
        self.troubles = Troubles()
        self.queues = tuple(dict.fromkeys(spec.queue for spec in specs))

    def announce(self) -> None:
        """Put the queues on the list of queues; again and again, because the server may have been emptied."""
        for queue in self.queues:
            self._store.announce(queue)

    def promote(self) -> float | None:
        """Move what is due into the line; seconds until the next job is due, None if there is none."""
        waits = [wait for queue in self.queues for wait in [self._tend("promote", queue, self._promote)] if wait is not None]
        return min(waits) / 1000 if waits else None

    def _promote(self, queue: str) -> int | None:
        wait: int | None = 0
        for _ in range(AT_ONCE):  # what is left is for the next turn: the runner has to beat, too
            moved, wait = self._store.promote(queue)
            if not moved or wait != 0:
                break
        return wait

    def idle(self) -> bool:
        """Whether no queue has anything that will still run by itself; of one that cannot be read, nobody knows."""
        before = [self._counts(queue) for queue in self.queues]
        # By place, and by the counters: a job on its way into a slot that was opened just now is in no list we looked at.
        calm = all(counts is not None and counts.unfinished == 0 for counts in before) and all(map(self._all_ended, self.queues))
        # The last job of a queue may have enqueued others, or be followed by others, in one that was found idle before.
        return calm and all(
            now is not None and then is not None and now.enqueued == then.enqueued
            for now, then in zip(map(self._counts, self.queues), before, strict=True)
        )

    def _counts(self, queue: str) -> Counts | None:
        return self._tend("count the jobs", queue, self._reader.counts)

    def _all_ended(self, queue: str) -> bool:
        left = self._tend("read the counters", queue, self._reader.unfinished)
        return left is not None and left <= 0

    def stops(self) -> set[str]:
        """The tokens of all starts that a person wants to be stopped."""
        found = [self._tend("see which jobs are to be stopped", queue, self._reader.stops) or {} for queue in self.queues]
        return {token for stops in found for token in stops.values()}

    def beaten(self, queue: str) -> None:
        """Redis has counted a beat of this runner: from now on it must know of one more."""
        self._beats[queue] += 1

    def take_over(self, clock: Callable[[], float], mine: set[str]) -> None:
        """Recover what dead processes of others hold. `clock`: monotonic; `mine`: slots this runner answers for itself."""
        look = functools.partial(self._take_over, clock, mine)
        looks = {queue: self._tend("take over", queue, look) for queue in self.queues}
        for queue in (queue for queue, lost in looks.items() if lost is None):
            self._forget(queue, set())  # while it could not be read, silence proves nothing
        short = [queue for queue, lost in looks.items() if lost]
        if short:
            LOG.error(
                "Redis has lost data of %s that it had acknowledged: it was emptied, or is another server, or came back with an older "
                "state; why, its log must tell. What is there is run, and new jobs, too; results of what is gone are dropped",
                ", ".join(short),
            )

    def _tend(self, what: str, queue: str, action: Callable[[str], T]) -> T | None:
        return self.troubles.tend(what, queue, lambda: action(queue))

    def _take_over(self, clock: Callable[[], float], mine: set[str], queue: str) -> bool:
        """Whether the queue has forgotten beats of this runner, and with them what else was written then."""
        # Silence has lasted from the end of one look to the beginning of another: between the two ends of one we may have
        # been frozen, or Redis slow, for longer than a lease, and what was seen may be as young as the later one.
        lay_to_rest(self._reader, queue, self._me.host, mine)
        now = clock()
        beats = self._reader.beats(queue)
        slots = [slot for slot in self._reader.slots(queue) if FOREIGN not in slot.slot]
        self._watch(queue, {slot.runner: ABSENT for slot in slots} | beats, clock())
        others = [slot for slot in slots if slot.slot not in mine]
        tended = {slot.host for slot in others if not self._silent(queue, slot.runner, now, slot.lease)}
        for slot in others:
            self._consider(queue, slot, beats.get(slot.runner, ABSENT), now, leases=2 if slot.host in tended else 1)
        self._sign_off(queue, beats, {slot.runner for slot in others}, now)
        self._forget(queue, beats.keys() | {slot.runner for slot in slots})
        counted, known = beats.get(self._me.runner, ""), self._beats[queue]
        self._beats[queue] = min(known, int(counted) if counted.isdecimal() else 0)
        return self._beats[queue] < known

    def forget_sightings(self) -> None:
        """Begin all observation anew: while Redis could not be reached, silence proves nothing."""
        self._sightings.clear()

    def deliver(self) -> None:
        """Enqueue what follows jobs that have succeeded, where the worker process did not live to do it; remove old results."""
        for queue in self.queues:
            self._tend("enqueue what follows jobs", queue, functools.partial(deliver, self._store, self._reader))
            self._tend("purge", queue, self._purge)

    def _purge(self, queue: str) -> None:
        for _ in range(AT_ONCE):
            if self._store.purge(queue) < BATCH:
                return

    def sweep(self) -> None:
        """Empty closed slots that a late BLMOVE has filled, forget old ones."""
        for queue in self.queues:
            self._tend("sweep", queue, self._sweep)

    def _sweep(self, queue: str) -> None:
        graves = [slot for slot in self._reader.graves(queue) if FOREIGN not in slot]
        held = self._reader.held(queue, graves)
        for slot in graves:
            if slot in held:
                self._recovery.take_back(queue, Death(slot, "", "swept"))
            else:
                self._store.bury(queue, slot, GRAVE_MS)

    def _watch(self, queue: str, beats: dict[str, str], now: float) -> None:
        for runner, beat in beats.items():
            seen = self._sightings.get((queue, runner))
            if seen is None or seen.beat != beat:
                self._sightings[queue, runner] = _Sighting(beat, now)

    def _forget(self, queue: str, runners: set[str]) -> None:
        for key in [key for key in self._sightings if key[0] == queue and key[1] not in runners]:
            del self._sightings[key]

    def _silent(self, queue: str, runner: str, now: float, lease: float = 0.0, leases: int = 1) -> bool:
        """Whether a runner has not moved its counter for so many leases, its own or ours, whichever is longer."""
        return now - self._sightings[queue, runner].since >= leases * max(lease, self._lease)

    def _consider(self, queue: str, slot: SlotInfo, beat: str, now: float, leases: int) -> None:
        here = slot.host == self._me.host and slot.pid > 0
        silent = self._silent(queue, slot.runner, now, slot.lease)
        if not here:
            # Where another runner beats on that host, it has a lease to do it: it can kill before it recovers, we cannot.
            if self._silent(queue, slot.runner, now, slot.lease, leases):
                self._take_back(queue, slot, Death(slot.slot, slot.runner, slot.hostname, beat=beat))
            return
        orphaned = is_gone(slot.runner_pid, slot.runner_start) or slot.runner == self._me.runner
        # The runner of a live pair sees the end of its process itself, and knows the signal. On one host nobody is
        # recovered who might still run: kill, wait for the kernel's word, then recover.
        if (orphaned or silent) and kill_and_wait(slot.pid, slot.start, 2.0):
            self._take_back(queue, slot, Death(slot.slot, slot.runner, slot.hostname))

    def _take_back(self, queue: str, slot: SlotInfo, death: Death) -> None:
        if self._recovery.take_back(queue, death):
            LOG.info("took over slot %s of %s, left by a dead process on %s", slot.slot, queue, slot.hostname or "an unknown host")

    def _sign_off(self, queue: str, beats: dict[str, str], with_slots: set[str], now: float) -> None:
        for runner, beat in beats.items():
            if runner not in with_slots and runner != self._me.runner and self._silent(queue, runner, now):
                self._store.depart(queue, runner, beat)
                self._sightings.pop((queue, runner), None)
