"""The actors: the product's own classes, with the signals, the processes and the clock taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Protocol

from exqueue.model.job import Claim
from exqueue.model.settings import Settings
from exqueue.model.worker import Worker, limits_of, path_of, spec_of
from exqueue.runtime.batches import Batch
from exqueue.runtime.board import Board
from exqueue.runtime.caretaker import Identity
from exqueue.runtime.crew import Child, Crew
from exqueue.runtime.enforce import Enforcer
from exqueue.runtime.nursery import Born, Ended, Event, Loaded
from exqueue.runtime.process import WorkerProcess
from exqueue.runtime.runner import Runner, RunOptions
from exqueue.runtime.staff import Staff
from exqueue.runtime.watch import Watch
from exqueue.runtime.work import Post
from exqueue.store.channel import Channel
from exqueue.store.reads import Reader
from exqueue.store.replies import Closed, Empty, Next, Unregistered
from exqueue.store.steps import Store

NOBODY: Final = 4_194_305  # above the highest pid there can be: whoever is asked says that it is gone


class QuietWatch(Watch):
    """Handles no signals. `stopping` is set by hand."""

    def listen(self) -> None:
        """Take none."""

    @property
    def robbed(self) -> bool:
        """There is nothing to rob."""
        return False


class Process(WorkerProcess):
    """A worker process that ends when it has found nothing twice running, instead of waiting for more.

    `stale`: the jobs whose outcome was refused.
    """

    def __init__(self, store: Store, child: Child, info: str, runner: str, worker: type[Worker], board: Board) -> None:
        cell = board.cell(child.cell)
        post = Post(child.slot, runner, child.spec.queue, info, limits_of(worker), batch=worker.batch)
        super().__init__(store, post, {path_of(worker): worker}, cell)
        self.watch, self._cell = QuietWatch(cell), cell
        self._watch = self.watch
        self._found_nothing = 0
        self.stale: list[str] = []

    def _claim(self) -> Next | Unregistered | Batch:
        found = super()._claim()
        self._found_nothing = self._found_nothing + 1 if isinstance(found, Empty | Closed) else 0
        if self._found_nothing == 2:
            self.watch.stopping = True
        return found

    @property
    def begun(self) -> int:
        """The number of the claim of the job that it began last."""
        return self._cell.begun

    @property
    def unheard(self) -> int:
        """The number of the claim that the server has made for it, and of which it has not heard."""
        return self._cell.unheard

    def _tell_stale(self, claim: Claim) -> None:  # type: ignore[override]
        self.stale.append(claim.id)


class Cradle:
    """In place of a fork server. `news`: what it has to tell."""

    def __init__(self, workers: tuple[type[Worker], ...]) -> None:
        self.news: list[Event] = [Loaded(tuple(map(spec_of, workers)))]
        self.sources: list[Any] = []
        self._born = 0

    def events(self) -> Iterator[Event]:
        """What has happened."""
        news, self.news = self.news, []
        yield from news

    def fork(self, slot: str, _spec: object, _cell: int) -> None:
        """A process is born at once."""
        self._born += 1
        self.news.append(Born(slot, NOBODY + self._born, 1))

    def close(self) -> None:
        """Nothing."""


class Signals:
    """In place of signals. `count`: how often the runner was asked to stop."""

    count = 0


class Ends(Protocol):
    """Who hears of the signals that a runner sends."""

    def signalled(self, slot: str, number: int) -> None:
        """To the process of this slot."""


class QuietStaff(Staff):
    """Tells the world instead of the kernel."""

    ends: Ends

    def signal(self, child: Child, number: int) -> None:  # type: ignore[override]
        """Send it."""
        self.ends.signalled(child.slot, number)


class Turns(Runner):
    """A runner whose turns are asked for one by one. It forks nobody; its worker processes are actors, too."""

    def __init__(self, name: str, host: str, settings: Settings, channel: Channel, workers: tuple[type[Worker], ...], ends: Ends) -> None:
        super().__init__(settings, RunOptions(tuple(map(path_of, workers))))
        self._channel = channel
        self._store, self._reader = Store(channel, settings.namespace), Reader(channel, settings.namespace)
        self._me = Identity(name, host, NOBODY, 1)
        self.signals = Signals()
        self._board = Board.create()
        self._cradle = Cradle(workers)
        nursery: Any = self._cradle
        self._staff = staff = QuietStaff(lambda: nursery, name, {}, self._board)
        staff.ends = ends
        self._enforcer = Enforcer(staff, self._board, settings.kill_after)
        self._workers = {path_of(worker): worker for worker in workers}
        self.staff: Staff = staff

    @property
    def crew(self) -> Crew:
        """Its worker processes."""
        return self._staff.crew

    def begin(self) -> None:
        """All before the first turn."""
        self._staff.hear(0.0)
        self._begin()

    def turn(self) -> None:
        """One turn, as if the last one had just listened."""
        self._staff.hear(0.0)
        self._next_care = self._next_promote = self._next_beat = 0.0
        signals: Any = self.signals
        self._turn(signals)

    def sign_off(self) -> None:
        """All after the last turn."""
        self._sign_off()

    def close(self) -> None:
        """Give back what the process would give back."""
        self._board.close()

    def process(self, child: Child, channel: Channel) -> Process:
        """The code of a worker process of this runner, which is born already."""
        post = replace(child)
        return Process(
            Store(channel, self._settings.namespace),
            post,
            self._beats.info(child),
            self._me.runner,
            self._workers[child.spec.name],
            self._board,
        )

    def ended(self, child: Child, status: int) -> None:
        """A worker process has ended; the runner hears of it at its next turn."""
        self._cradle.news.append(Ended(child.pid, status))

    def _listen(self, signals: object, seconds: float) -> None:
        self._staff.hear(0.0)
