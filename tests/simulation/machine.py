"""The real runner and the real worker process on a kernel that is played; and the names they find it by."""

from __future__ import annotations

import functools
import itertools
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

from exqueue.model.errors import ExqueueError
from exqueue.model.ids import new_id
from exqueue.model.settings import Settings
from exqueue.model.worker import Worker, WorkerSpec
from exqueue.runtime import batches, caretaker, rest, runner, staff, work
from exqueue.runtime import process as process_module
from exqueue.runtime.board import Board, Cell
from exqueue.runtime.caretaker import Identity
from exqueue.runtime.forkserver import LATE
from exqueue.runtime.nursery import Born, Ended, Event, Loaded, Lost
from exqueue.runtime.process import FENCED, WorkerProcess
from exqueue.runtime.runner import Runner, RunOptions
from exqueue.runtime.watch import Watch
from exqueue.runtime.work import Post
from exqueue.store.channel import Channel
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.steps import Store
from tests.simulation.kernel import Kernel, Process
from tests.simulation.probe import NAMESPACE
from tests.simulation.stage import Stage
from tests.simulation.wire import EPOCH
from tests.simulation.workers import PLAY

LEASE: Final = 3.0
CARE_EVERY: Final = 2.0
SETTINGS: Final = Settings("unix:///nowhere", namespace=NAMESPACE, lease=LEASE, grace=1.0, kill_after=1.0, patience=0.8)
Play = Callable[[Process, Watch, Any, int], Any]


class SimWatch(Watch):
    """What a signal stops is `perform`, which asks here when it has a turn."""

    def __init__(self, cell: Cell, stage: Stage) -> None:
        super().__init__(cell)
        self._stage = stage

    def listen(self) -> None:
        """There is nothing to take: the kernel calls."""

    @property
    def robbed(self) -> bool:
        return False

    def end(self) -> None:
        if not self._stage.current.killed:  # the dead write nothing on the board
            super().end()

    def heard(self, number: signal.Signals) -> None:
        self.stopping = self.stopping or number == signal.SIGTERM


class SimProcess(WorkerProcess):
    """A worker process whose waits are turns of others."""

    def __init__(self, kernel: Kernel, process: Process, store: Store, post: Post, known: dict[str, type[Worker]], cell: Cell) -> None:
        super().__init__(store, post, known, cell)
        self._stage = kernel.stage
        self._watch: SimWatch = SimWatch(cell, kernel.stage)
        self._watch.stopping = process.asked > 0
        process.heard = self._watch.heard

    def play(self, play: Play, process: Process) -> int:
        PLAY.set(functools.partial(play, process, self._watch))
        return self.run()

    def _pause(self, seconds: float) -> None:
        self._stage.pause(seconds)


class SimNursery:
    """The fork server of one runner."""

    def __init__(self, owner: SimRunner) -> None:
        self._owner = owner
        self._kernel = owner.kernel
        self._news: deque[Event] = deque([Loaded(owner.specs)])
        self.children: dict[int, Process] = {}
        self.process = SimpleNamespace(returncode=-9)
        self.closed = self.lost = False
        self.frozen = 0.0
        self._watch()

    @property
    def sources(self) -> list[Any]:
        return [] if self.closed else [self]

    def readable(self) -> bool:
        return bool(self._news)

    def events(self) -> Iterator[Event]:
        while self._news:
            yield self._news.popleft()

    def fork(self, slot: str, spec: WorkerSpec, cell: int) -> None:
        stage = self._kernel.stage
        stage.later(stage.rng.random() * 0.05, functools.partial(self._fork, slot, spec, cell))

    def _fork(self, slot: str, spec: WorkerSpec, cell: int) -> None:
        if self.closed or self.lost:
            return
        owner = self._owner
        made = self._kernel.start(owner.process.host, slot, functools.partial(owner.work, slot, spec, cell), self._ended)
        made.slot, made.queue = slot, spec.queue
        self.children[made.pid] = made
        self._say(Born(slot, made.pid, made.pid))

    def _ended(self, process: Process) -> None:
        del self.children[process.pid]
        stage = self._kernel.stage
        stage.later(stage.rng.random() * 0.02, functools.partial(self._say, Ended(process.pid, process.status or 0)))

    def _say(self, event: Event) -> None:
        if not self.closed and not self.lost:
            self._news.append(event)
            self._kernel.stage.wake(self._owner.process.actor)

    def _watch(self) -> None:
        """As ForkServer._fence."""
        stage, heard = self._kernel.stage, self._owner.board.heard
        if self.closed or self.lost or not self._owner.process.alive:
            return
        stage.later(max(LEASE / 10, self.frozen - stage.now), self._watch)
        if stage.now >= self.frozen and heard and 1000 + stage.now - heard > LATE * LEASE:
            for pid in sorted(self.children, key=lambda pid: self.children[pid].actor is stage.current):  # whose turn it is: last
                self._kernel.kill(pid, FENCED)

    def lose(self) -> None:
        """The fork server is killed; its children follow it, one after the other."""
        self._say(Lost())
        self.lost = True
        self.orphan()

    def close(self) -> None:
        """No news of it any more; its children die."""
        if not self._kernel.stage.current.killed:
            self.closed = True
            self.orphan()

    def orphan(self) -> None:
        """The kernel kills its children, in a moment; now and then they hang in it for a while."""
        stage = self._kernel.stage
        longest = 1.0 if stage.rng.random() < 0.2 else 0.01
        for pid, process in self.children.items():
            if longest == 1.0:
                self._kernel.freeze(process, longest)
            stage.later(stage.rng.random() * longest, functools.partial(self._kernel.kill, pid))


class SimSignals:
    """What a runner is sent."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._drained = 0

    def __enter__(self) -> SimSignals:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def count(self) -> int:
        return self._process.asked

    def readable(self) -> bool:
        return self._process.asked > self._drained

    def drain(self) -> None:
        self._drained = self._process.asked


class SimRunner(Runner):
    """A runner whose fork server is played."""

    def __init__(
        self, kernel: Kernel, process: Process, name: str, specs: tuple[WorkerSpec, ...], known: dict[str, type[Worker]], play: Play
    ) -> None:
        super().__init__(SETTINGS, RunOptions(("sim",)))
        self._me = Identity(name, process.host, process.pid, process.pid)
        self.kernel = kernel
        self.process = process
        self.specs = specs
        self.nurseries: list[SimNursery] = []
        self._known = known
        self._play = play
        self._told, process.ended = process.ended, self._died

    def live(self) -> int:
        try:
            self.run()
        except ExqueueError:
            return 3
        return 0

    def _new_nursery(self) -> Any:
        self.nurseries.append(SimNursery(self))
        return self.nurseries[-1]

    @property
    def board(self) -> Board:
        return self._board

    def _died(self, process: Process) -> None:
        self._told(process)
        for nursery in self.nurseries:
            nursery.lost = True
            nursery.orphan()

    def work(self, slot: str, spec: WorkerSpec, cell: int, process: Process) -> int:
        """What the fork server does in a child."""
        me, channel = self._me, Channel(self.kernel.wire.connect, where="sim", patience=1.0)
        info = SlotInfo(slot, me.runner, me.host, process.pid, process.pid, me.pid, me.start, spec.name, me.host, LEASE)
        post = Post(slot, me.runner, spec.queue, info.encode(), spec.limits, lease=LEASE, host=me.host, batch=spec.batch)
        worker = SimProcess(self.kernel, process, Store(channel, NAMESPACE), post, self._known, self._board.cell(cell))
        return worker.play(self._play, process)


class SmallBoard(Board):
    """A board on ordinary memory."""

    def __init__(self) -> None:
        self.fd = 0
        self._whole = memoryview(bytearray(64 * 256))
        self._last = self._whole[-64:].cast("d")

    def close(self) -> None:
        pass


def _those_that_know(name: str, what: object) -> list[Any]:
    """The modules of exqueue that have imported something."""
    ours = [module for path, module in sorted(sys.modules.items()) if path.startswith("exqueue.")]
    return [module for module in ours if getattr(module, name, None) is what]


@contextmanager
def played(kernel: Kernel) -> Iterator[None]:
    """Whatever exqueue asks of time, chance and kernel, it asks the stage."""
    stage, ids = kernel.stage, itertools.count(1)

    def select(sources: list[Any], _w: object, _x: object, seconds: float) -> tuple[list[Any], list[Any], list[Any]]:
        if not any(source.readable() for source in sources):
            stage.pause(seconds)
        return [source for source in sources if source.readable()], [], []

    clock = SimpleNamespace(
        monotonic=lambda: 1000.0 + stage.now, sleep=stage.pause, time_ns=lambda: (EPOCH + int(stage.now * 1000)) * 1_000_000
    )
    replaced: list[tuple[Any, str, Any]] = [(module, "time", clock) for module in _those_that_know("time", time)]
    replaced += [(module, "new_id", lambda: f"j{next(ids)}") for module in _those_that_know("new_id", new_id)]
    replaced += [
        (process_module, "seconds_since_boot", lambda: 1000.0 + stage.now),
        (work, "random", SimpleNamespace(random=stage.rng.random)),
        (batches, "random", SimpleNamespace(random=stage.rng.random)),
        (runner, "open_channel", lambda *_, patience, **__: Channel(kernel.wire.connect, where="sim", patience=patience)),
        (runner, "StopSignals", lambda: SimSignals(stage.current.process)),
        (runner, "select", SimpleNamespace(select=select)),
        (runner, "admit", lambda *_: []), (runner, "deaf_parent", lambda *_: []), (runner, "init_name", str),
        (runner, "Board", SimpleNamespace(create=SmallBoard)),
        (runner, "PROMOTE_EVERY", 0.6), (runner, "CARE_EVERY", CARE_EVERY),
        (staff, "send_signal", kernel.send_signal), (staff, "kill_and_wait", kernel.kill_and_wait),
        (caretaker, "is_gone", kernel.is_gone), (caretaker, "kill_and_wait", kernel.kill_and_wait),
        (rest, "is_gone", kernel.is_gone), (rest, "kill_and_wait", kernel.kill_and_wait),
    ]  # fmt: skip
    with ExitStack() as stack:
        for module, name, value in replaced:
            stack.enter_context(mock.patch.object(module, name, value))
        yield
