"""The steps of a queue: what each Lua file does to places, heads, tokens and bells."""

from __future__ import annotations

from tests.model.protocol.line import BELL, CLOSED, DELAYED, FAILED, GONE, HELD, LIST, OPEN, RANKED, UNKNOWN, WAITING, Line, Reply, Token


class Queue(Line):
    """One queue on the server. Each method is one Lua file, named as that is; those with an underscore are parts of one."""

    def enqueue(self, job: int) -> None:
        """Accept it."""
        if self.join(job):
            self.append(job)
        self.serve()

    def register(self, slot: int) -> Reply:
        """Open a slot, unless it was closed."""
        if self.slot[slot] == CLOSED:
            return ("dead",)
        self.slot[slot] = OPEN
        return ("registered",)

    def claim(self, slot: int, token: Token) -> Reply:
        """The next job for this slot."""
        reply = ("unregistered",) if self.slot[slot] != OPEN else self._claim(slot, token)
        self.serve()
        return reply

    def _claim(self, slot: int, token: Token) -> Reply:
        job = self.first_held(slot)
        if job is not None and self.token[job]:
            return ("claimed", job, self.token[job])
        if job is not None:
            self.held[slot].pop(0)
            top = self.top()
            if top is None or self.rank(top) > self.rank(job):
                self.ring()
                return self.stamp(slot, job, token)
            self.put_back(job)
        job = self.take_first()
        return ("empty",) if job is None else self.stamp(slot, job, token)

    def stamp(self, slot: int, job: int, token: Token) -> Reply:
        """It is started."""
        self.held[slot].insert(0, job)
        self.where[job], self.token[job], self.begun[job] = HELD, token, True
        return ("claimed", job, token)

    def standing(self, slot: int, job: int, token: Token) -> str:
        """Who may settle."""
        if self.token[job] == token:
            return "owned"
        return "again" if self.settled[slot] == token else "stale"

    def leave(self, slot: int, job: int, token: Token) -> None:
        """It is no longer held."""
        if job in self.held[slot]:
            self.held[slot].remove(job)
        self.settled[slot], self.token[job] = token, None

    def settle(self, verdict: str, slot: int, job: int, token: Token) -> Reply:
        """complete (and claim the next), retry, fail, release."""
        standing = self.standing(slot, job, token)
        if standing == "stale":
            return ("stale",)
        if standing == "owned":
            self.leave(slot, job, token)
            getattr(self, f"_{verdict}")(job)
        reply: Reply = ("settled",)
        if verdict == "complete":
            reply = self._claim(slot, (slot, token[1] + 1)) if standing == "owned" else self._claimed_next(slot)
        self.serve()
        return reply

    def _claimed_next(self, slot: int) -> Reply:
        """Asked again: what was claimed then. A slot that was closed meanwhile takes nothing new."""
        job = self.first_held(slot)
        return ("settled",) if job is None or self.token[job] is None else ("claimed", job, self.token[job])

    def _complete(self, job: int) -> None:
        self.where[job] = GONE
        self.free(job)

    def _retry(self, job: int) -> None:
        self.where[job] = DELAYED
        self.failures[job] += 1

    def _fail(self, job: int) -> None:
        self.where[job] = FAILED
        if not self.bounds.blocks:
            self.free(job)

    def _release(self, job: int) -> None:
        self.begun[job] = False
        self.put_back(job)

    def recover(self, slot: int, started: Reply, *, alive: bool) -> str:
        """Close a slot and take back what it holds. `alive`: its beat is not the one that was seen."""
        held = self.held[slot]
        if not held and self.slot[slot] == UNKNOWN:
            return "gone"
        if alive:
            return "alive"
        if self.changed(slot, started):
            return "changed"
        self.slot[slot], self.held[slot] = CLOSED, []
        for job in reversed(held):
            if job != BELL and self.token[job] is None:
                self.put_back(job)
            elif job != BELL and (job, self.token[job]) == started:
                self._crash(job)
        self.ring()
        self.serve()
        return "recovered"

    def changed(self, slot: int, started: Reply) -> bool:
        """Whether it runs something else than was seen."""
        claimed = [(job, token) for job in self.held[slot] if job != BELL and (token := self.token[job]) and token[0] == slot]
        return any(pair != started for pair in claimed)

    def _crash(self, job: int) -> None:
        self.token[job] = None
        self.crashed[job] += 1
        if self.crashed[job] >= self.bounds.crashes:
            self._fail(job)
        else:
            self.put_back(job)

    def promote(self, job: int) -> None:
        """Its time has come."""
        if self.is_head(job):
            self.put_back(job)
        else:
            self.next_seq(job)
            if self.join(job):
                self.append(job)
        self.serve()

    def skip(self, job: int) -> None:
        """Its key goes on without it."""
        self.free(job)
        self.serve()

    def delete(self, job: int) -> None:
        """A failed job is removed for good."""
        self.where[job] = GONE
        self.free(job)
        self.serve()

    def requeue(self, job: int) -> None:
        """Run it again, at its old place of its key."""
        self.failures[job], self.crashed[job], self.begun[job] = 0, 0, False
        key = self.bounds.keys[job]
        if not key:
            self.next_seq(job)
            self.append(job)
        else:
            self.where[job] = WAITING
            head = self.heads.get(key)
            if head is None or head == job or self._makes_room(head, job):
                self.advance(key)
        self.serve()

    def _makes_room(self, head: int, job: int) -> bool:
        if self.where[head] not in (LIST, RANKED) or self.seq[head] <= self.seq[job] or self.begun[head]:
            return False
        if head in self.pending:
            self.pending.remove(head)
        self.where[head] = WAITING
        return True
