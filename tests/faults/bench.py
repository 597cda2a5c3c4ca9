"""How a scenario is run: the program with its faults, recovery, work to the end, the checks."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from exqueue.store.channel import Channel
from exqueue.store.connection import connector
from exqueue.store.invariants import broken
from exqueue.store.scripts import script, script_names
from tests.faults import checks
from tests.faults.faults import Fault, Request, Scenario
from tests.faults.program import Program
from tests.faults.programs import PROGRAMS
from tests.faults.server import server
from tests.faults.traffic import Clock
from tests.faults.wire import Lines
from tests.faults.workers import STAGE
from tests.faults.world import ELSEWHERE, HERE, World

ROUNDS = 10


class Bench:
    """Runs scenarios on one server, one after the other."""

    def __init__(self, socket: str) -> None:
        self.lines = Lines(connector(f"unix://{socket}", 5))
        self.eye = Channel(self.lines.take, where="the eye", patience=0)
        self.clock = Clock()
        self.eye.ask([("SCRIPT", "LOAD", script(name).source) for name in script_names()])  # so that all traces are the same

    def run(self, scenario: Scenario) -> tuple[list[str], list[Request]]:
        """What is wrong after a scenario, and all requests of it."""
        program = PROGRAMS[scenario.program]
        self.eye.ask([("FLUSHALL",)])
        world = World(self.lines, self.eye, self.clock, program.workers, scenario.faults)
        world.plays.update(program.plays)
        STAGE.play = world.play
        try:
            if scenario.freeze:
                _with_a_freeze(world, program, scenario.freeze)
            else:
                program.run(world)
                world.over = True
                world.troubles += [f"after the program: {line}" for line in broken(world.eye, "t")]
                heal(world, program, HERE)
            return checks.findings(world, program, scenario), world.trace
        finally:
            world.close()


def heal(world: World, program: Program, host: str, *, frozen: bool = False) -> None:
    """What fresh runners, worker processes and a person do after the program, until nothing is left to be done.

    `host`: where they are. Here the processes of the program are known to be dead; elsewhere its runner is only silent.
    `frozen`: whether somebody stands still, so that not all jobs may have been enqueued yet.
    """
    medic, troubled = "", True
    for number in range(ROUNDS):
        if not medic or medic in world.dead:
            world.medics += 1
            medic = f"m{world.medics}"
            world.runner(medic, host)
            if host == ELSEWHERE:  # until the silence has lasted for a lease
                world.turn(medic)
        world.turn(medic)
        for worker in program.workers:
            world.work(medic, worker)
        world.turn(medic)
        if medic in world.dead:
            continue
        paused = [queue for queue in world.reader.queues() if world.reader.counts(queue).paused]
        if paused:
            world.person(f"mender{world.medics}{number}", lambda app, paused=paused: [app.queue(queue).resume() for queue in paused])
        elif not any(world.reader.unfinished(queue) for queue in world.reader.queues()):
            if troubled:
                world.troubles += checks.failed_wrongly(world, program, all_there=not frozen)
                troubled = False
            if not any(world.reader.counts(queue).failed + world.reader.counts(queue).done for queue in world.reader.queues()):
                world.sign_off(medic)
                return
            world.mended = True
            world.person(f"mender{world.medics}{number}", lambda app: app.failed().requeue())
        world.pass_time()
    world.troubles.append("it was not done after many rounds")


def _with_a_freeze(world: World, program: Program, freeze: Fault) -> None:
    """Somebody stands still at one request; others take over, and after some moves of theirs he goes on."""
    frozen, go_on = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def stand_still() -> None:
        frozen.set()
        go_on.wait()

    def run() -> None:
        try:
            program.run(world)
        except BaseException as error:
            errors.append(error)
        frozen.set()

    world.stage = thread = threading.Thread(target=run)
    world.freezer = stand_still
    thread.start()
    frozen.wait()
    moves = iter(range(freeze.moves))

    def thaw() -> None:
        if threading.current_thread() is not thread and next(moves, None) is None and not go_on.is_set():
            go_on.set()
            thread.join()

    world.each = thaw
    heal(world, program, ELSEWHERE, frozen=True)
    go_on.set()
    thread.join()
    world.each, world.over = (lambda: None), True
    heal(world, program, HERE, frozen=True)
    if errors:
        raise errors[0]


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench on a server of its own; the clocks of channels and runners are its own, too."""
    with tempfile.TemporaryDirectory(prefix="exq") as directory, server(Path(directory)) as socket:
        made = Bench(socket)
        disabled = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        with patch("exqueue.store.channel.time", made.clock), patch("exqueue.runtime.runner.time", made.clock):
            yield made
        logging.disable(disabled)
        made.eye.close()
        made.lines.close()
