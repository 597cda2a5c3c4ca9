"""By whose beat the worker processes are judged, where some queues cannot be beaten in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreCorrupt
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.beats import Beats
from exqueue.runtime.board import Board
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.crew import Crew
from exqueue.runtime.staff import NEVER

LEASE = 10.0
SPECS = (WorkerSpec("app:Ill", "Ill", 1, 3), WorkerSpec("app:Well", "Well", 1, 3))


class Scene:
    """A runner that has beaten at 100 s, with one process for each queue. `seen`: who lives, and what stands on the board."""

    def __init__(self, app: Exqueue) -> None:
        self.app = app
        self.crew = Crew(SPECS, "r")
        self.board = Board.create()
        me = Identity("r", "host", 1, 1)
        staff: Any = SimpleNamespace(crew=self.crew, kill=self._kill)
        self.beats = Beats(app.store, Caretaker(app.store, app.reader, me, SPECS, LEASE), staff, self.board, me, LEASE)
        self.beats.beat(100.0)
        for number, child in enumerate(self.crew.missing(100.0)):
            child.pid = 10 + number

    def foul(self, *queues: str) -> None:
        for queue in queues:
            self.app.channel.ask([("DEL", self.app.store.keys(queue)["slots"]), ("SET", self.app.store.keys(queue)["slots"], "x")])

    def mend(self, *queues: str) -> None:
        self.app.channel.ask([("DEL", self.app.store.keys(queue)["slots"]) for queue in queues])

    @property
    def seen(self) -> tuple[list[str], float]:
        return [child.spec.queue for child in self.crew.children.values() if not child.killed], self.board.heard

    def _kill(self, slots: list[str] | None = None) -> None:
        for child in self.crew.children.values():
            child.killed = child.killed or slots is None or child.slot in slots


@pytest.fixture
def scene(app: Exqueue) -> Scene:
    return Scene(app)


def test_while_a_process_of_a_broken_queue_lives_the_oldest_beat_is_the_one_that_counts(scene: Scene) -> None:
    scene.foul("Ill")
    scene.beats.beat(105.0)
    scene.beats.fence(105.0)
    assert (scene.seen, scene.beats.lacking, scene.beats.next_fence()) == ((["Ill", "Well"], 100.0), {"Ill"}, 106.0)
    scene.mend("Ill")


def test_what_is_fenced_holds_up_no_others_and_is_not_made_anew_before_a_beat(scene: Scene) -> None:
    scene.foul("Ill")
    scene.beats.beat(105.0)
    scene.beats.fence(106.0)
    fenced = scene.seen
    scene.crew.children.clear()
    made = [child.spec.queue for child in scene.crew.missing(106.0, scene.beats.lacking)]
    scene.mend("Ill")
    scene.beats.beat(107.0)
    assert (fenced, made, scene.beats.lacking) == ((["Well"], 105.0), ["Well"], set())


def test_a_runner_all_of_whose_queues_are_broken_raises_and_fences_all(scene: Scene) -> None:
    scene.foul("Ill", "Well")
    with pytest.raises(StoreCorrupt, match="Ill"):
        scene.beats.beat(105.0)
    scene.beats.fence(106.0)
    assert (scene.seen, scene.beats.next_fence()) == (([], 100.0), NEVER)
    scene.mend("Ill", "Well")
