"""Worker processes, those who recover them, and a person, around a queue.

Every reply may be lost, every process may be killed between any two steps, and with `suspicions` any process may be
taken for dead while it lives, as by a runner on another host. What they may do next, moves.py says; what must never be,
judge.py.
"""

from __future__ import annotations

from collections.abc import Hashable

from tests.model.protocol import judge
from tests.model.protocol.bounds import Bounds
from tests.model.protocol.line import BELL, FAILED, GONE, OPEN, WAITING, Reply, Token
from tests.model.protocol.queue import Queue

UNBORN, CLAIMS, BLOCKS, WAITS, HAS, RAN, SETTLES, DEAD = "unborn", "claims", "blocks", "waits", "has", "ran", "settles", "dead"
UNSEEN, SEEN, DECIDED, OVERTAKEN = "unseen", "seen", "decided", "overtaken"  # of an observer; the last: it beat after all


class Protocol(Queue):
    """A state. `does`: of each process, what it is about to do; `commits`, `released`, `ended_by`: what has happened.

    `sweeps`: whether closed slots are looked at again.
    """

    sweeps = True

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(bounds)
        jobs, slots = len(bounds.keys), bounds.slots
        self.does = [UNBORN] * slots
        self.claims = [0] * slots
        self.job: list[int | None] = [None] * slots
        self.verdict = [""] * slots
        self.observer = [UNSEEN] * slots
        self.sighted: list[tuple[int, Token] | None] = [None] * slots
        self.kills, self.suspicions, self.acts, self.releases = bounds.kills, bounds.suspicions, bounds.acts, bounds.releases
        self.commits = [0] * jobs
        self.ended_by: list[Token | None] = [None] * jobs
        self.released = [False] * jobs
        self.bad = ""

    def key(self) -> Hashable:
        """All of it, the numbers of the line made small."""
        order = sorted(set(self.seq))
        return tuple(
            tuple(map(tuple, value)) if name == "held" else tuple(map(order.index, value)) if name == "seq"
            else tuple(value) if isinstance(value, list) else tuple(sorted(value.items())) if isinstance(value, dict) else value
            for name, value in self.__dict__.items()
        )  # fmt: skip

    def ended(self) -> bool:
        """All have been run, or have failed, or wait behind one that has."""
        heads = {key: self.where[head] for key, head in self.heads.items()}
        return all(
            place in (GONE, FAILED) or (place == WAITING and heads.get(key) == FAILED)
            for place, key in zip(self.where, self.bounds.keys, strict=True)
        )

    def born(self, slot: int) -> None:
        """A process opens its slot."""
        self.does[slot] = CLAIMS if self.register(slot) == ("registered",) else DEAD

    def claims_next(self, slot: int, heard: bool) -> None:
        """It asks for a job; not having heard, it asks again."""
        reply = self.claim(slot, (slot, self.claims[slot]))
        if heard:
            self._take(slot, reply)

    def _take(self, slot: int, reply: Reply) -> None:
        if reply[0] == "claimed":
            self.job[slot], self.claims[slot], self.does[slot] = reply[1], reply[2][1], HAS
        else:
            self.does[slot] = BLOCKS if reply[0] == "empty" else DEAD

    def block(self, slot: int) -> None:
        """BLMOVE, and a claim behind it: at once if there is anything."""
        self.does[slot] = WAITS
        self.waiters.append(slot)
        self.serve()

    def goes_on(self, slot: int) -> None:
        """The claim that was sent with the BLMOVE: whoever lives will hear the same answer when it asks again."""
        self.claim(slot, (slot, self.claims[slot]))

    def expire(self, slot: int) -> None:
        """Its time in BLMOVE is over, whether it lives or not."""
        self.waiters.remove(slot)
        self.goes_on(slot)

    def woken(self, slot: int) -> None:
        """By a job, by a bell, or because the time was up; or the connection is gone, and the server does not go on."""
        self.leave_waiters(slot)
        self.does[slot] = CLAIMS

    def leave_waiters(self, slot: int) -> None:
        """The server does not know its connection any more."""
        if slot in self.waiters:
            self.waiters.remove(slot)

    def stamp(self, slot: int, job: int, token: Token) -> Reply:
        """Judged here: what is given to a closed slot may run beside its recovery."""
        if self.slot[slot] != OPEN:
            self.bad = "a closed slot was given a job"
        return super().stamp(slot, job, token)

    def start(self, slot: int) -> None:
        """`perform` is called; the order is judged here."""
        job = self.job[slot]
        assert job is not None
        key = self.bounds.keys[job]
        if any(key and key == self.bounds.keys[old] and not self.commits[old] and not self.released[old] for old in range(job)):
            self.bad = "started before one of its key that was enqueued earlier had ended"
        running = [other for other, does in enumerate(self.does) if does == RAN and other != slot]
        if key and not self.bounds.suspicions and any(self.bounds.keys[self.job[other] or 0] == key for other in running):
            self.bad = "two of one key run at once"
        if self.commits[job] and not self.bounds.suspicions:  # elsewhere, who was frozen may start what was given away
            self.bad = "started again after its outcome was committed"
        self.does[slot] = RAN

    def decide(self, slot: int, verdict: str) -> None:
        """`perform` has ended."""
        self.releases -= verdict == "release"
        self.verdict[slot], self.does[slot] = verdict, SETTLES

    def settles(self, slot: int, heard: bool) -> None:
        """It settles; not having heard, it asks again, with the same token."""
        job, token, verdict = self.job[slot], (slot, self.claims[slot]), self.verdict[slot]
        assert job is not None
        before = self.where[job], self.token[job]
        reply = self.settle(verdict, slot, job, token)
        if (self.where[job], self.token[job]) != before and before[1] == token:
            self._note(job, token, verdict)
        elif reply[0] != "stale" and verdict == "complete" and self.ended_by[job] != token:
            self.bad = "told that it had settled, which it had not"
        if reply[0] == "stale" and token in self.ended_by:
            self.bad = "told that it was too late, though its outcome was committed"
        if heard:
            self.verdict[slot], self.job[slot], self.claims[slot] = "", None, token[1] + 1
            if reply[0] in ("settled", "stale"):
                self.does[slot] = CLAIMS
            else:
                self._take(slot, reply)

    def _note(self, job: int, token: Token, verdict: str) -> None:
        self.ended_by[job] = token
        self.commits[job] += verdict == "complete"

    def _fail(self, job: int) -> None:
        super()._fail(job)
        self.released[job] |= not self.bounds.blocks

    def kill(self, slot: int) -> None:
        """kill -9. The server may take a while to notice that somebody who is blocked has gone."""
        self.kills -= 1
        self.does[slot], self.job[slot], self.verdict[slot] = DEAD, None, ""

    def recover_dead(self, slot: int) -> None:
        """By a runner that has the kernel's word."""
        self.recover(slot, self._claimed(slot) or (), alive=False)
        self.observer[slot], self.sighted[slot] = UNSEEN, None

    def _claimed(self, slot: int) -> tuple[int, Token] | None:
        return next(((job, token) for job in self.held[slot] if job != BELL and (token := self.token[job]) and token[0] == slot), None)

    def sight(self, slot: int) -> None:
        """A runner elsewhere notes its beat."""
        self.observer[slot] = SEEN
        self.suspicions -= 1

    def judge(self, slot: int) -> None:
        """A whole lease without a beat: it looks at what was cut off."""
        self.observer[slot], self.sighted[slot] = DECIDED, self._claimed(slot)

    def beat(self, slot: int) -> None:
        """It lives."""
        self.observer[slot] = UNSEEN if self.observer[slot] == SEEN else OVERTAKEN

    def recover_suspect(self, slot: int) -> None:
        """With the beat that was seen."""
        late = self.observer[slot] == OVERTAKEN
        if self.recover(slot, self.sighted[slot] or (), alive=late) == "recovered" and late:
            self.bad = "recovered though it had beaten"
        self.observer[slot], self.sighted[slot] = UNSEEN, None

    def person_requeues(self, job: int) -> None:
        """A failed job shall run again."""
        self.acts -= 1
        self.requeue(job)

    def person_skips(self, job: int) -> None:
        """Its key shall go on without it."""
        self.acts -= 1
        self.released[job] = True
        self.skip(job)

    def person_deletes(self, job: int) -> None:
        """A failed job shall be gone."""
        self.acts -= 1
        self.released[job] = True
        self.delete(job)

    def wrong(self) -> str:
        """What must never be."""
        return self.bad or judge.places(self, self.commits) or judge.line(self) or self._lost_wake_up()

    def _lost_wake_up(self) -> str:
        """All that live are blocked, there are jobs, and nothing will wake anybody but the end of their patience."""
        living = [slot for slot, does in enumerate(self.does) if does not in (UNBORN, DEAD)]
        swept = any(self.held[slot] for slot, does in enumerate(self.does) if does == DEAD)  # will be taken back, and then rung for
        asleep = living and all(slot in self.waiters for slot in living)
        return "nobody is woken" if asleep and not swept and judge.unannounced(self) else ""
