"""Actors that take turns: greenlets of one thread, by a clock that moves when nobody has anything to do.

Whoever has its turn goes on until it pauses, and chance chooses who is next. So real code with real loops is stopped at any of
its requests, and nothing but the seed decides who goes on.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any, Final

from greenlet import getcurrent, greenlet

NEVER: Final = float("inf")


class Killed(BaseException):
    """Raised in an actor where it was killed; nothing it does from then on has an effect."""


class Violation(Exception):
    """Something that was promised does not hold."""


class Actor:
    """One of those who take turns. `wake`: when it wants to go on; `frozen`: until when it cannot. `place`: its host."""

    def __init__(self, name: str, turn: greenlet, place: str = "") -> None:
        self.name = name
        self.place = place
        self.wake = 0.0
        self.frozen = 0.0
        self.killed = False
        self.ended = False
        self.process: Any = None
        self.heir: Actor | None = None
        self.turn = turn


class Stage:
    """The actors, the clock, the timers. Whoever makes it is the first actor, the director."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now = 0.0
        self.turns = 0
        self.most_turns = 20_000
        self.trace: list[tuple[Any, ...]] = []
        self.problem: BaseException | None = None
        self.idle: Callable[[], None] = lambda: None
        self.current = self.director = Actor("director", getcurrent())
        self.actors = [self.director]
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def violated(self, what: str) -> None:
        """Something does not hold: whoever has seen it goes on to its next pause, and then the seed ends."""
        self.problem = self.problem or Violation(what)

    def note(self, *what: Any) -> None:
        """A line of the trace."""
        self.trace.append((self.now, self.current.name, *what))

    def spawn(self, name: str, run: Callable[[], Any], place: str = "", ended: Callable[[Any], None] = lambda _: None) -> Actor:
        """A new actor; `ended` is told what `run` returned."""
        actor = Actor(name, greenlet(lambda *_: self._live(actor, run, ended), self.director.turn), place)
        actor.wake = self.now
        self.actors.append(actor)
        return actor

    def _live(self, actor: Actor, run: Callable[[], Any], ended: Callable[[Any], None]) -> None:
        try:
            if not actor.killed:
                result = run()
                ended(result)
        except Killed:
            pass
        except BaseException as error:  # to the director: the seed ends
            if not actor.killed:
                self.problem = self.problem or error
        actor.ended = True
        self.actors.remove(actor)
        following = actor.heir
        if following is None:
            following = self.director if self.problem else self._choose()
        self.current = following
        actor.turn.parent = following.turn  # who goes on when this one is over

    def pause(self, seconds: float = 0.0) -> None:
        """Let others go on, and go on oneself not before so many seconds."""
        me = self.current
        if me.killed:
            raise Killed
        me.wake = self.now + seconds
        chosen = self.director if self.problem else self._choose()
        if chosen is not me:
            self.current = chosen
            chosen.turn.switch()
            if me.killed:
                raise Killed
        if me is self.director and self.problem:
            raise self.problem

    def _choose(self) -> Actor:
        self.turns += 1
        if self.turns > self.most_turns:
            self.violated(f"does not come to rest within {self.most_turns} turns")
            return self.director
        while True:
            while self._timers and self._timers[0][0] <= self.now:
                heapq.heappop(self._timers)[2]()
            able = [actor for actor in self.actors if actor.wake <= self.now >= actor.frozen]
            if able:
                return able[0] if len(able) == 1 else able[int(self.rng.random() * len(able))]
            try:
                self.idle()
            except Violation as violation:
                self.violated(str(violation))
                return self.director
            soonest = self._timers[0][0] if self._timers else NEVER
            for actor in self.actors:
                ready = actor.wake if actor.wake > actor.frozen else actor.frozen
                soonest = ready if ready < soonest else soonest
            self.now = soonest

    def wake(self, actor: Actor) -> None:
        """Let it go on before its time."""
        actor.wake = min(actor.wake, self.now)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something then; it must not pause."""
        heapq.heappush(self._timers, (self.now + seconds, next(self._numbers), action))

    def kill(self, actor: Actor) -> None:
        """It does nothing more; it is unwound before this returns."""
        me = self.current
        if actor.ended or actor.killed:
            return
        actor.killed = True
        if actor is me:
            raise Killed
        actor.heir = me
        self.current = actor
        actor.turn.switch()
        self.current = me

    def close(self) -> None:
        """End all but the director."""
        for actor in [actor for actor in self.actors if actor is not self.director]:
            self.kill(actor)
