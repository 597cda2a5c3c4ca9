"""What the steps answer, and whom they take for dead, beside the history of the jobs."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final

from tests.simulation.history import History
from tests.simulation.stage import Violation

BY_TOKEN: Final = frozenset({"complete", "finish", "retry", "snooze", "fail", "release", "discard"})


class Answers:
    """`patience`: for how many seconds after a beat of its runner nobody may be taken for dead."""

    def __init__(self, history: History, patience: float) -> None:
        self.counts: Counter[str] = Counter()
        self.now = 0.0
        self.patience = patience
        self._history = history
        self._settled: dict[str, str] = {}
        self._left: dict[tuple[str, str], int] = {}
        self._beaten: dict[tuple[str, str], float] = {}
        self._beats: dict[str, dict[str, int]] = defaultdict(dict)

    def before(self, name: str, queue: str, argv: list[Any], reply: Any, now: float, clock_ms: int) -> None:
        """A step was executed whose events the history has not heard yet. Raises Violation."""
        self.now = now
        if name in BY_TOKEN:
            self._check_answer(name, argv, reply, queue)
        if name == "batch" and reply[0] in (b"completed", b"claimed"):
            self._check_batch(argv, queue)
        if name == "bury" and reply[0] == b"buried":
            self._settled.pop(argv[0], None)
            self._left.pop((queue, argv[0]), None)
        if name in ("register", "beat", "depart", "recover"):
            self._beat(name, queue, argv, reply, clock_ms)

    def after(self, name: str, argv: list[Any], reply: Any) -> None:
        """Now it has. Raises Violation."""
        if name in ("claim", "complete", "finish"):
            self._check_claim(name, argv, reply)
        if name == "batch" and argv[1] and reply[0] in (b"completed", b"claimed", b"empty"):
            held, given = [story.id for story in self._history.running(argv[0])], [job.decode() for job in reply[1::4]]
            if given != held:
                raise Violation(f"{argv[0]} holds {held}, and is answered {given}")

    def _beat(self, name: str, queue: str, argv: list[Any], reply: Any, clock_ms: int) -> None:
        """Whoever is recovered for want of a beat has not beaten since that was seen."""
        runner = argv[2] if name == "register" else argv[1] if name == "recover" else argv[0]
        beats = self._beats[queue]
        if name == "register" and reply[0] == b"registered":
            beats.setdefault(runner, self._left.get((queue, runner), 0))
        elif name == "beat":
            self._beaten[queue, runner] = self.now
            beats[runner] = beats.get(runner, self._left.get((queue, runner), 0)) + 1
        elif name == "depart" and reply[0] == b"departed":
            beats.pop(runner, None)
            if argv[1]:
                self._left[queue, runner] = clock_ms
        elif name == "recover" and reply[0] == b"recovered":
            silence = self.now - self._beaten.get((queue, runner), -self.patience)
            if argv[2] and silence < self.patience:
                raise Violation(f"{argv[0]} was recovered {silence:.3f} s after a beat of {runner}")
            if argv[2] and argv[2] != str(beats.get(runner, "absent")):
                raise Violation(f"{argv[0]} was recovered with beat {argv[2]} of {runner}, which is at {beats.get(runner)}")

    def _check_answer(self, name: str, argv: list[Any], reply: Any, queue: str) -> None:
        """Of a settlement: `stale` if the job is not this start's any more, and else never; asked again, the same answer."""
        slot, job, token = argv[:3]
        if reply[0] == b"unusual":  # nothing was changed, and finish answers
            return
        owned = self._history.story(queue, job).token == token
        self.counts["stale"] += reply[0] == b"stale"
        if (reply[0] != b"stale") != (owned or self._settled.get(slot) == token):
            raise Violation(f"{name} of {job} by {token} was answered {reply[0]!r}, and it is {'' if owned else 'not '}its own")
        if owned and reply[0] != b"stopped":
            self._settled[slot] = token

    def _check_batch(self, argv: list[Any], queue: str) -> None:
        """All that are settled together were its own, or were settled when it was asked before."""
        slot, done = argv[0], list(zip(argv[3::2], argv[4::2], strict=True))
        for job, token in done:
            if self._history.story(queue, job).token != token and self._settled.get(slot) != done[-1][1]:
                raise Violation(f"{job} is settled by {token}, and it is not its own")
        if done:
            self._settled[slot] = done[-1][1]
            self.counts["batches"] += len(done) > 1

    def _check_claim(self, name: str, argv: list[Any], reply: Any) -> None:
        """A slot that holds a job it has begun is answered with that, and with no other."""
        slot, token = argv[0], argv[1] if name == "claim" else argv[3]
        held = next(iter(self._history.running(slot)), None)
        given = reply[1].decode() if reply[0] == b"claimed" else None
        if token and given != (held.id if held else None) and reply[0] not in (b"stale", b"unusual", b"unregistered"):
            raise Violation(f"{slot} holds {held.id if held else 'nothing'}, and is answered {given or reply[0]}")
