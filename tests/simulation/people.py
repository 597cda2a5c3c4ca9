"""Clients, persons, observers: what they do is of chance, how they do it is exqueue's."""

from __future__ import annotations

import random
from typing import Any, Final, Protocol

from exqueue.client.enqueue import Enqueuer
from exqueue.model.envelope import PLAIN
from exqueue.model.errors import StoreError, StoreUnavailable
from exqueue.model.options import call
from exqueue.model.redact import NOTHING
from exqueue.model.worker import Worker, WorkerSpec
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.store.channel import Channel
from exqueue.store.reads import Reader
from exqueue.store.steps import Store
from tests.simulation.history import History
from tests.simulation.machine import LEASE, SETTINGS
from tests.simulation.probe import NAMESPACE
from tests.simulation.stage import Stage
from tests.simulation.wire import Wire

DEEDS: Final = ("requeue", "requeue", "requeue", "skip", "delete", "cancel", "stop", "stop", "pause", "resume")


class Place(Protocol):
    """What people need of the world."""

    stage: Stage
    wire: Wire
    history: History
    kinds: tuple[type[Worker], ...]
    specs: tuple[WorkerSpec, ...]
    acknowledged: list[tuple[str, str]]
    lying: bool


def channel(world: Place) -> Channel:
    """A channel of somebody's own."""
    return Channel(world.wire.connect, where="sim", patience=SETTINGS.patience)


def client(world: Place, name: str, count: int) -> None:
    """Enqueues some jobs; where it cannot know whether that was done, sometimes again."""
    rng, link = world.stage.rng, channel(world)
    pace = rng.choice((0.05, 0.5, 1.0))
    enqueuer = Enqueuer(Store(link, NAMESPACE), Reader(link, NAMESPACE), lambda: PLAIN, NOTHING)
    for number in range(count):
        world.stage.pause(rng.random() * pace)
        target, calls = _options(rng, world.kinds, f"{name}-{number}")
        for _ in range(3):
            try:
                jobs = enqueuer.enqueue_many(target, calls)
            except StoreError as error:
                if isinstance(error, StoreUnavailable) and target.id and rng.random() < 0.7:
                    continue
            else:
                world.acknowledged += [(job.queue, job.id) for job in jobs]
            break


def _options(rng: random.Random, kinds: tuple[type[Worker], ...], name: str, depth: int = 0) -> tuple[Any, list[Any]]:
    kind: Any = rng.choice(kinds)
    chance = rng.random
    if kind.batch > 1 and not depth and chance() < 0.6:
        return kind.options(), [call(n) for n in range(rng.choice((2, 4, 7)))]
    several = depth == 0 and chance() < 0.2
    given: dict[str, Any] = {
        "key": rng.choice("aab") if not kind.serial and chance() < 0.6 else None,
        "delay": chance() * 2 if chance() < 0.2 else 0.0,
        "priority": rng.choice((-1, 1, 2)) if chance() < 0.15 else None,
        "unique": rng.choice("uv") if not several and not depth and chance() < 0.12 else None,
        "id": name if not several and chance() < 0.5 else None,
        "expires": 0.3 + chance() * 3 if chance() < 0.08 else None,
        "keep_result": 0.2 + chance() * 2 if chance() < 0.12 else None,
        "timeout": 0.2 + chance() if chance() < 0.06 else None,
    }
    if not several and depth < 2 and chance() < 0.2:
        following = [_options(rng, kinds, f"{name}.{n}", depth + 1) for n in range(rng.choice((1, 1, 2)))]
        given["then"] = [target.call(*calls[0].args) for target, calls in following]
    return kind.options(**given), [call(n) for n in range(rng.choice((2, 3)) if several else 1)]


def person(world: Place) -> None:
    """Does this and that to jobs; what is paused is resumed a while later."""
    rng, link = world.stage.rng, channel(world)
    store = Store(link, NAMESPACE)
    queues = [spec.queue for spec in world.specs]
    while True:
        world.stage.pause(rng.random() * 0.6)
        queue, deed = rng.choice(queues), rng.choice(DEEDS)
        try:
            if deed in ("pause", "resume"):
                getattr(store, deed)(queue)
                if deed == "pause":
                    world.stage.pause(rng.random() * 1.5)
                    store.resume(queue)
                continue
            known = [story for story in world.history.jobs.values() if story.queue == queue and story.place != "gone"]
            wanted = {"requeue": "failed", "skip": "failed", "delete": "failed", "stop": "running"}.get(deed)
            fitting = [story for story in known if wanted is None or story.place == wanted] or known
            if fitting:
                getattr(store, deed)(queue, [rng.choice(fitting).id for _ in range(rng.choice((1, 1, 2)))])
        except StoreError:
            pass


def observer(world: Place) -> None:
    """Looks after all queues from a host of its own. One that lies takes whoever does not move between two looks for dead."""
    rng, link, stage = world.stage.rng, channel(world), world.stage
    caretaker = Caretaker(Store(link, NAMESPACE), Reader(link, NAMESPACE), Identity("observer", "h9", 1, 1), world.specs, LEASE)
    ahead = 0.0
    while True:
        stage.pause(rng.random() * (0.6 if world.lying else 1.2))
        try:
            for _ in range(rng.choice((1, 2))):
                caretaker.take_over(lambda ahead=ahead: 1000 + stage.now + ahead, set())  # type: ignore[misc]
                if world.lying and rng.random() < 0.6:
                    ahead += LEASE
            rng.choice((caretaker.sweep, caretaker.deliver, caretaker.promote))()
        except StoreError:
            caretaker.forget_sightings()
