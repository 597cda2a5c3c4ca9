"""What jobs do in the simulation: succeed, fail, ask, hang, crash; and who must not run at the same time."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from exqueue import Reject, Retry, Snooze
from exqueue.runtime.watch import Watch
from tests.simulation.history import History, Story
from tests.simulation.kernel import Kernel, Process
from tests.simulation.stage import Stage

MOODS: Final = (
    (*["succeed"] * 14, "raise", "ask", "long", "crash", "report"),
    (*["succeed"] * 4, *["raise"] * 4, *["ask"] * 3, "deaf", "crash", "report"),
    (*["succeed"] * 5, *["long"] * 5, "deaf", "raise"),
    ("succeed", "succeed", "crash", "crash", "raise", "long"),
)


class Plays:
    """Runs jobs. `healing`: they all succeed now. `lying`: observers may say of living processes that they are dead."""

    def __init__(self, stage: Stage, kernel: Kernel, history: History) -> None:
        self.healing = False
        self.lying = False
        self.mood = stage.rng.choice(MOODS)
        self.counts: Counter[str] = Counter()
        self._stage = stage
        self._kernel = kernel
        self._history = history
        self._robbed: set[str] = set()

    def recovered(self, slot: str, by: str) -> None:
        """Somebody has closed a slot; `by`: from which host."""
        if not slot.startswith(by):
            self._robbed.add(slot)

    def play(self, process: Process, watch: Watch, job: Any, number: int) -> Any:
        """`perform`."""
        story = self._history.jobs[job.queue, job.id]
        self.counts["executions"] += 1
        self._stage.note("perform", story.id)
        self._check_alone(process, story)
        process.playing = story
        try:
            return self._act(process, watch, job)
        finally:
            process.playing = None

    def _check_alone(self, process: Process, story: Story) -> None:
        if not story.token.startswith(f"{process.slot}/"):
            self.counts["stale starts"] += 1
        for other in self._kernel.living.values():
            playing = other.playing
            if other is process or playing is None or not (playing is story or (story.terms.key and playing.key == story.key)):
                continue
            self.counts["at once"] += 1
            excused = other.host != process.host or (self.lying and other.slot in self._robbed | {process.slot})
            if self.lying and process.slot in self._robbed:
                excused = True
            if not excused:
                self._stage.violated(f"{playing.id} in {other.name} and {story.id} in {process.name} run at once on {process.host}")

    def _act(self, process: Process, watch: Watch, job: Any) -> Any:
        chance = self._stage.rng.random
        deed = "succeed" if self.healing else self._stage.rng.choice(self.mood)
        if deed == "raise":
            self._last(watch, chance() * 0.2)
            raise ValueError("no")
        if deed == "ask":
            raise self._stage.rng.choice((Retry(in_=chance()), Snooze(chance()), Reject("never")))
        if deed == "crash":
            self._kernel.exit(process, 1)
        elif deed == "long":
            self._last(watch, 1 + chance() * 6)
        elif deed == "deaf":
            self._stage.pause(chance() * 5)  # to all that would stop it, but a kill
        elif deed == "report":
            job.progress(0.5)
        self._last(watch, chance() * (0.05 if self.healing else 0.4))
        return job.id

    def _last(self, watch: Watch, seconds: float) -> None:
        """For so long, unless it is stopped."""
        until = self._stage.now + seconds
        while True:
            left = until - self._stage.now
            self._stage.pause(max(0.0, left if watch.left is None else min(left, watch.left + 0.001)))
            if reason := watch.due():
                raise reason
            if self._stage.now >= until:
                return
