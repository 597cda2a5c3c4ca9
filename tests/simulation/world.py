"""One seed: who there is, what goes wrong, how it is healed, and what must hold at the end."""

from __future__ import annotations

import functools
import logging
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from exqueue.model.worker import Worker, WorkerSpec, path_of, spec_of
from exqueue.store.channel import Channel
from exqueue.store.steps import Store
from tests.simulation import people
from tests.simulation.answers import Answers
from tests.simulation.checks import check_end, check_limits, check_wakeups
from tests.simulation.fleet import HOSTS, Fleet
from tests.simulation.history import History, Story
from tests.simulation.kernel import Kernel
from tests.simulation.machine import CARE_EVERY, LEASE, played
from tests.simulation.plays import Plays
from tests.simulation.probe import NAMESPACE, Look
from tests.simulation.stage import Stage, Violation
from tests.simulation.wire import Server, Troubles, Wire
from tests.simulation.workers import Eager, Many, Narrow, Plain, Rated, Serial, Ticking

CASTS: Final[tuple[tuple[type[Worker], ...], ...]] = (
    (Plain,), (Plain, Eager), (Serial,), (Narrow,), (Plain, Serial), (Eager, Narrow), (Rated,), (Plain, Ticking), (Many,), (Many, Serial),
)  # fmt: skip
REST: Final = 60.0  # seconds in which everything must have come to rest once all is healed


class World:
    """One seed. `run` raises Violation."""

    def __init__(self, seed: int, server: Server) -> None:
        self.rng = random.Random(seed)
        self.stage = Stage(self.rng)
        self.wire = Wire(server, self.stage, self._heard)
        self.kernel = Kernel(self.stage, self.wire)
        self.history = History()
        self.looks: dict[str, Look] = {}
        self.starts: dict[str, list[int]] = defaultdict(list)
        self.acknowledged: list[tuple[str, str]] = []
        self.plays = Plays(self.stage, self.kernel, self.history)
        self.kinds = self.rng.choice(CASTS)
        self.known = {path_of(kind): kind for kind in self.kinds}
        self.specs: tuple[WorkerSpec, ...] = tuple(replace(spec_of(kind), processes=self.rng.choice((1, 2))) for kind in self.kinds)
        self.limits = {spec.queue: spec.limits for spec in self.specs}
        self.lying = self.plays.lying = self.rng.random() < 0.4
        self.answers = Answers(self.history, 0.0 if self.lying else LEASE)
        self.fleet = Fleet(self.kernel, self.specs, self.known, self.plays.play)
        self.calm = self.rng.random() < (0.4 if Narrow in self.kinds else 0.06)
        self.stage.idle = functools.partial(check_wakeups, self)

    def run(self) -> None:
        logging.disable(logging.CRITICAL)
        try:
            with played(self.kernel):
                try:
                    self._direct()
                finally:
                    self.stage.close()
        finally:
            logging.disable(logging.NOTSET)

    def _heard(self, name: str, queue: str, argv: list[Any], reply: list[Any], look: Look | None) -> None:
        before = self.looks.get(queue, Look())
        if name == "recover":
            self.plays.recovered(argv[0], self.stage.current.place)
        try:
            self.answers.before(name, queue, argv, reply, self.stage.now, self.wire.clock_us() // 1000)
            if look is None:
                return
            self.looks[queue] = look
            if look.wrong:
                raise Violation(f"after {name}: {'; '.join(look.wrong)}")
            self.history.step(name, queue, argv, reply, look)
            self.answers.after(name, argv, reply)
            check_limits(self, queue, before, look)
        except Violation as violation:  # not out of here: a job that reports would take it for its own error
            self.stage.violated(str(violation))

    def _direct(self) -> None:
        rng, stage = self.rng, self.stage
        if not self.calm:
            self.wire.troubles = Troubles(*(rng.choice((0, 0.01, 0.03)) for _ in range(3)), slow=rng.choice((0, 0.01)), torn=0.1)
        for host in rng.choice((("h1",), HOSTS, HOSTS, ("h1", "h1"), ("h1", "h1", "h2"))):
            self.fleet.start(host)
        for number in range(rng.choice((1, 2))):
            stage.spawn(f"client{number}", functools.partial(people.client, self, f"c{number}", rng.choice((5, 8, 11))), "c")
        extras: list[tuple[str, Callable[[Any], None]]] = [("person", people.person), ("observer", people.observer)]
        for name, run in extras:
            if rng.random() < 0.7 and not (self.calm and name == "observer"):
                stage.spawn(name, functools.partial(run, self), name)
        until = 2 + rng.random() * 5
        while stage.now < until:
            stage.pause(rng.random() * 0.9)
            if not self.calm:
                self.fleet.trouble()
        self._heal()

    def _heal(self) -> None:
        stage = self.stage
        stage.note("heal")
        self.wire.troubles, self.wire.cut = Troubles(), {}
        self.wire.skew = max(self.wire.skews)  # what was due by the clock as it was is due
        self.plays.healing = True
        for actor in list(stage.actors):
            actor.frozen = 0.0
            if actor.name in ("person", "observer"):
                stage.kill(actor)
        store = Store(Channel(self.wire.connect, where="sim", patience=1), NAMESPACE)
        queues = list(dict.fromkeys(self.limits))
        for queue in queues:
            store.resume(queue)
        if self.rng.random() < 0.5:
            for queue in queues:
                store.requeue(queue, [story.id for story in self.history.jobs.values() if story.queue == queue and story.place == "failed"])
        if not self.fleet.runners:
            self.fleet.start("h1")
        until = stage.now + REST
        while not self._rests():
            if stage.now > until:
                raise Violation(f"stuck: {[story for story in self.history.jobs.values() if self._will_run(story)]}")
            stage.pause(0.4)
        self._close(store)

    def _rests(self) -> bool:
        clients = any(actor.name.startswith("client") for actor in self.stage.actors)
        outbox = any(look.outbox for look in self.looks.values())
        return not clients and not outbox and not any(map(self._will_run, self.history.jobs.values()))

    def _will_run(self, story: Story) -> bool:
        if story.place in ("running", "delayed"):
            return True
        blocked = any(other.place == "failed" and not other.released for other in self.history.of_key[story.key])
        return story.place == "ready" and not (story.terms.key and blocked)

    def _close(self, store: Store) -> None:
        stage = self.stage
        stage.pause(CARE_EVERY + 0.5)  # each runner takes over and sweeps once more: the last time may have been refused
        self.fleet.closing = True
        for process in list(self.fleet.runners):
            self.kernel.send_signal(process.pid, 0, 15)
        until = stage.now + REST
        while self.kernel.living:
            if stage.now > until:
                raise Violation(f"processes do not end: {[process.name for process in self.kernel.living.values()]}")
            stage.pause(0.2)
        check_end(self, store.channel)
