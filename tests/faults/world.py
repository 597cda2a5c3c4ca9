"""One scenario's world: the actors and what is known of them, who stands still, the clock, and what was seen."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

from exqueue.app import Exqueue
from exqueue.model.errors import StoreError
from exqueue.model.job import Run
from exqueue.model.settings import Settings
from exqueue.model.worker import Worker
from exqueue.runtime.crew import Child
from exqueue.store.channel import Channel
from exqueue.store.reads import Reader
from tests.faults.actors import Process, Turns
from tests.faults.faults import LASTING, PATIENCE, Fault, Killed, Request
from tests.faults.wire import Lines, Wire

T = TypeVar("T")

MOST: Final = 3000  # requests of one scenario: one that never ends is wrong
HERE, ELSEWHERE = "here", "elsewhere"


class Stuck(AssertionError):
    """The scenario does not end."""


class Clock:
    """The time of channels and runners, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class World:
    """What a program acts in. `trace`: all requests so far. `freezer`: called where the scenario wants somebody to stand still.

    `accepted`, `maybe`, `refused`: ids, as the client was told. `crashes`: how often a job was cut off, by its id.
    `starts`: how often a job was begun, by its name. `plays`: what the jobs do, by name.
    """

    def __init__(self, lines: Lines, eye: Channel, clock: Clock, workers: tuple[type[Worker], ...], faults: tuple[Fault, ...]) -> None:
        self.settings = Settings(namespace="t", url="unix:///nowhere", lease=1, patience=PATIENCE)
        self.lines, self.clock, self.workers = lines, clock, workers
        self._faults = {(fault.actor, fault.number): fault for fault in faults}
        self.trace: list[Request] = []
        self.counts: Counter[str] = Counter()
        self.dead: set[str] = set()
        self.freezer: Callable[[], None] = lambda: None
        self.each: Callable[[], None] = lambda: None
        self.accepted: list[str] = []
        self.maybe: list[str] = []
        self.refused: dict[str, str] = {}
        self.crashes: Counter[str] = Counter()
        self.starts: Counter[str] = Counter()
        self.order: list[str] = []
        self.plays: dict[str, Callable[[World, Worker], Any]] = {}
        self.on_wait: dict[str, Callable[[], None]] = {}
        self.mended = False
        self.troubles: list[str] = []
        self._running: dict[str, tuple[str, Process, Turns, Child]] = {}  # slot -> name of the actor, …
        self._runners: dict[str, Turns] = {}
        self._ended: set[str] = set()
        self.medics = 0
        self._wires: list[Wire] = []
        self._processes: Counter[str] = Counter()
        self.eye = eye
        self.reader = Reader(self.eye, self.settings.namespace)

    # Requests.

    def channel(self, actor: str) -> Channel:
        """A way to the server for this actor."""
        def connect() -> Wire:
            self._wires.append(wire := Wire(self, self.lines, actor))
            return wire

        return Channel(connect, where=actor, patience=PATIENCE)

    def pass_by(self, actor: str, name: str, step: bool) -> Fault | None:
        """See Gate."""
        self.each()
        if actor in self.dead:
            raise Killed
        if name == "BLMOVE" and (then := self.on_wait.pop(actor, None)):
            then()
        self.counts[actor] += 1
        if len(self.trace) > MOST:
            raise Stuck
        number = self.counts[actor]
        self.trace.append(Request(actor, number, name, step))
        fault = self._faults.get((actor, number))
        if fault and fault.kind in LASTING:
            for later in (number + 1, number + 2):
                self._faults.setdefault((actor, later), Fault(actor, later, LASTING[fault.kind]))
        return fault

    def freeze(self) -> None:
        """See Gate."""
        self.freezer()

    def kill(self, actor: str) -> Killed:
        """The actor dies; with a runner its worker processes."""
        self.dead.add(actor)
        for slot, (name, _, turns, _) in list(self._running.items()):
            if name == actor or self._runners.get(actor) is turns:
                self.dead.add(name)
                self._note_crash(slot)
        return Killed()

    def _note_crash(self, slot: str) -> None:
        queue = next(child.spec.queue for _, _, _, child in [self._running[slot]])
        stops = self.reader.stops(queue)
        for job_id in self.reader.held(queue, [slot]).get(slot, []):
            run = self._run(queue, job_id)
            if run.slot == slot and stops.get(job_id) != run.token:
                self.crashes[job_id] += 1

    def _run(self, queue: str, job_id: str) -> Run:
        return Run.decode(self.eye.ask([("HGET", f"t:{{{queue}}}:runs", job_id)])[0])

    # Acts.

    def act(self, actor: str, action: Callable[[], T]) -> T | None:
        """Let an actor do something, unless it is dead; None if it dies of it, or of an outage."""
        if actor in self.dead:
            return None
        try:
            return action()
        except Killed:
            return None

    def enqueue(self, actor: str, *ids: str, worker: Callable[[str], Any], patient: bool = True) -> None:
        """A client enqueues jobs of these ids, each by its options, one after the other; each is its own name."""
        app = Exqueue(settings=self.settings, channel=self.channel(actor))
        for job_id in ids:
            self.told(actor, [job_id], lambda job_id=job_id: [app.enqueue(worker(job_id), job_id).id])  # type: ignore[misc]

    def told(self, actor: str, ids: list[str], action: Callable[[], list[str]]) -> None:
        """A client enqueues jobs; what it learns of it is noted."""
        if actor in self.dead:
            return
        try:
            known = action()
        except Killed:
            self.maybe += ids
        except StoreError as error:
            if getattr(error, "uncertain", False):
                self.maybe += ids
            else:
                self.refused |= dict.fromkeys(ids, str(error))
        else:
            self.accepted += [job_id for job_id in known if job_id not in self.accepted]

    def runner(self, name: str, host: str = HERE) -> Turns:
        """A runner, begun."""
        turns = Turns(name, host, self.settings, self.channel(name), self.workers, self)
        self._runners[name] = turns
        self.act(name, lambda: self._insist(turns.begin))
        self.act(name, turns.turn)  # by which its worker processes are born
        return turns

    def _insist(self, action: Callable[[], None]) -> None:
        """A runner that cannot begin ends, and whoever watches it starts it again."""
        for _ in range(3):
            try:
                return action()
            except StoreError:
                continue
        return action()

    def turn(self, name: str, seconds: float = 0.55) -> None:
        """One turn of a runner, some time after the last one: two of them are a lease, one is not enough to be fenced."""
        self.clock.now += seconds
        self.act(name, self._runners[name].turn)

    def sign_off(self, name: str) -> None:
        """A runner ends in order."""
        self.act(name, self._runners[name].sign_off)

    def work(self, name: str, worker: type[Worker] | None = None, actor: str = "") -> None:
        """A worker process of this runner lives until it finds nothing more."""
        if name in self.dead:
            return
        turns = self._runners[name]
        child = self._idle(turns, worker)
        if child is None:
            self.turn(name)
            child = self._idle(turns, worker)
        if child is None or name in self.dead:
            return
        self._processes[name] += 1
        actor = actor or f"{name}p{self._processes[name]}"
        process = turns.process(child, self.channel(actor))
        self._running[child.slot] = (actor, process, turns, child)
        status = self.act(actor, process.run)
        self._running.pop(child.slot, None)
        self._ended.add(child.slot)
        turns.ended(child, -9 if status is None else status)

    def _idle(self, turns: Turns, worker: type[Worker] | None) -> Child | None:
        """A worker process that was born, and has done nothing yet."""
        used = self._running.keys() | self._ended
        born = [child for child in turns.crew.children.values() if child.slot not in used and child.pid and not child.killed]
        return next((child for child in born if worker is None or child.spec.short == worker.__name__), None)

    def signalled(self, slot: str, number: int) -> None:
        """A runner has sent a signal."""
        found = self._running.get(slot)
        if found is None and number == signal.SIGKILL:
            turns = self._runners[slot.partition(".")[0]]
            self._ended.add(slot)
            turns.ended(turns.crew.children[slot], -9)
        if found and number == signal.SIGTERM:
            found[1].watch.stopping = True
        if found and number == signal.SIGKILL and found[0] not in self.dead:
            self.dead.add(found[0])

    def stop_process(self, actor: str) -> None:
        """SIGTERM to a worker process that runs."""
        for name, process, _, _ in self._running.values():
            if name == actor:
                process.watch.stopping = True

    def person(self, actor: str, action: Callable[[Exqueue], Any]) -> None:
        """A person does something, and does it again if told that Redis could not be reached."""
        app = Exqueue(settings=self.settings, channel=self.channel(actor))

        def insist() -> None:
            for _ in range(4):
                try:
                    action(app)
                    return
                except StoreError:
                    continue

        self.act(actor, insist)

    # Jobs.

    def play(self, worker: Worker, name: str) -> Any:
        """A job begins."""
        self.starts[name] += 1
        self.order.append(name)
        play = self.plays.get(name)
        return play(self, worker) if play else name

    def pass_time(self) -> None:
        """All that is delayed is due, all that is kept was kept long enough."""
        for queue in self.reader.queues():
            for place in ("delayed", "done"):
                key = f"t:{{{queue}}}:{place}"
                for due, job_id in enumerate(self.eye.ask([("ZRANGE", key, 0, -1)])[0]):
                    self.eye.ask([("ZADD", key, due + 1, job_id)])

    def close(self) -> None:
        """Give back what is open."""
        for turns in self._runners.values():
            turns.close()
        for wire in self._wires:
            wire.disconnect()
