"""One scenario's world: the actors, what they do and what becomes of them, what clients were told, what the jobs did."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from exqueue.app import Exqueue
from exqueue.model.errors import StoreError
from exqueue.model.job import Run
from exqueue.model.settings import Settings
from exqueue.model.worker import Worker
from exqueue.runtime.board import number_of
from exqueue.runtime.crew import Child
from exqueue.store.channel import Channel
from exqueue.store.reads import Reader
from tests.faults.actors import Process, Turns
from tests.faults.faults import PATIENCE, Fault, Killed
from tests.faults.traffic import Clock, Traffic
from tests.faults.wire import Lines

T = TypeVar("T")

HERE, ELSEWHERE = "here", "elsewhere"


class World(Traffic):
    """What a program acts in. `accepted`, `maybe`, `refused`: ids, as the client was told.

    `crashes`: how often a job was cut off, by its id; `pardoned`: how often by the end of a process that ended in order, or had
    not heard of it, which is a crash only if its runner dies, too. `starts`, `order`: the jobs that were begun. `plays`: what
    they do. All by name. `stale`: jobs whose outcome was refused. `mended`: a person has set right what made jobs fail.
    `troubles`: what was found wrong on the way.
    """

    def __init__(self, lines: Lines, eye: Channel, clock: Clock, workers: tuple[type[Worker], ...], faults: tuple[Fault, ...]) -> None:
        super().__init__(lines, faults)
        self.settings = Settings(namespace="t", url="unix:///nowhere", lease=1, patience=PATIENCE)
        self.clock, self.workers = clock, workers
        self.accepted: list[str] = []
        self.maybe: list[str] = []
        self.refused: dict[str, str] = {}
        self.crashes: Counter[str] = Counter()
        self.pardoned: Counter[str] = Counter()
        self.stale: list[str] = []
        self.starts: Counter[str] = Counter()
        self.order: list[str] = []
        self.plays: dict[str, Callable[[World, Worker], Any]] = {}
        self.mended = False
        self.troubles: list[str] = []
        self._running: dict[str, tuple[str, Process, Turns, Child]] = {}  # slot -> name of the actor, …
        self._runners: dict[str, Turns] = {}
        self._ended: set[str] = set()
        self.medics = 0
        self._processes: Counter[str] = Counter()
        self.eye = eye
        self.reader = Reader(self.eye, self.settings.namespace)

    def kill(self, actor: str) -> Killed:
        """The actor dies; with a runner its worker processes."""
        killed = super().kill(actor)
        for slot, (name, _, turns, _) in list(self._running.items()):
            if name == actor or self._runners.get(actor) is turns:
                self.dead.add(name)
                self._note(self.crashes, slot, seen=name == actor)
        return killed

    def _note(self, count: Counter[str], slot: str, *, seen: bool = True) -> None:
        """Count what a process was running that does not run any more; `seen`: by its runner, which knows how far it had come.

        Of a batch one at most: the others had ended, or had not begun. What it has not heard of is pardoned.
        """
        _, process, _, child = self._running[slot]
        queue, begun = child.spec.queue, process.begun if seen else 0
        stops = self.reader.stops(queue)
        runs = {job_id: self._run(queue, job_id) for job_id in self.reader.held(queue, [slot]).get(slot, [])}
        held = {number_of(run.token): job_id for job_id, run in runs.items() if run.slot == slot and stops.get(job_id) != run.token}
        if held and (begun in held or min(held) > begun):
            counted = self.pardoned if seen and process.unheard in held else count
            counted[held[begun] if begun in held else held[min(held)]] += 1

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
        for _ in range(3):  # as many as two outages need
            if (child := self._idle(turns, worker)) is not None or name in self.dead:
                break
            self.turn(name)
        if child is None or name in self.dead:
            return
        self._processes[name] += 1
        actor = actor or f"{name}p{self._processes[name]}"
        process = turns.process(child, self.channel(actor))
        self._running[child.slot] = (actor, process, turns, child)
        status = self.act(actor, process.run)
        self.stale += process.stale
        if status is not None and self.faults:
            self._note(self.pardoned, child.slot)
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
        self.hang_up()
