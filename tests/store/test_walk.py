"""Steps in any order, also those that come too late or twice: the invariants hold after each."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from exqueue.model.job import Claim
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail, Recover, Settling
from exqueue.store.invariants import broken
from exqueue.store.replies import Settled
from tests.conftest import on_servers
from tests.store.kit import CRASH, DISCARD, FAIL, RELEASE, RETRY, SNOOZE, UNSPENT, Bench

VERDICTS: list[Settling] = [RETRY, FAIL, SNOOZE, RELEASE, UNSPENT, DISCARD]
CRASHES: list[Recover | Fail] = [Recover(CRASH), Fail(CRASH)]


class Walk:
    """One person, one runner and three worker processes that know no rules, except that a process settles what it claimed last."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench, self.chance = bench, random.Random(seed)
        self.claims: list[tuple[str, Claim]] = []
        self.slots = 0
        self.completed: list[str] = []

    def step(self) -> None:
        """Do anything."""
        acts: list[Callable[[], object]] = [
            self.put, self.open, self.take, self.take, self.move, self.settle, self.settle, self.complete, self.complete,
            self.recover, self.promote, self.person, self.sweep,
        ]  # fmt: skip
        self.chance.choice(acts)()

    def put(self) -> None:
        """Enqueue jobs, some of them known."""
        ids = [f"j{self.chance.randrange(60)}" for _ in range(3)]
        self.bench.put(*ids, delay_ms=self.chance.choice([0, 0, 60_000]))

    def open(self) -> None:
        """Start a process, but never more than three."""
        if len(self.open_slots()) < 3:
            self.slots += 1
            self.bench.open(f"s{self.slots}")

    def take(self) -> None:
        """Claim in a slot that may be closed."""
        slot = f"s{self.chance.randint(1, self.slots + 1)}"
        claim = self.bench.store.claim("q", slot, f"{slot}/{self.chance.randrange(10**9)}")
        if isinstance(claim, Claim):
            self.claims.append((slot, claim))

    def move(self) -> None:
        """A BLMOVE, also a late one."""
        if known := [*self.open_slots(), *self.bench.reader.graves("q")]:
            self.bench.move(self.chance.choice(known))

    def complete(self) -> None:
        """Complete any claim that ever was, sometimes twice, sometimes with the next claim."""
        if not self.claims:
            return
        slot, claim = self.chance.choice(self.claims[-6:])
        for next_token in self.chance.sample(["", f"{slot}/{self.chance.randrange(10**9)}"], self.chance.randint(1, 2)):
            held = self.bench.reader.find("q", claim.id)
            reply = self.bench.complete(claim, next_token, slot)
            if held and held.run.token == claim.token:
                self.completed.append(claim.id)
            if isinstance(reply, Claim):
                self.claims.append((slot, reply))

    def settle(self) -> None:
        """Settle any claim that ever was."""
        if self.claims:
            slot, claim = self.chance.choice(self.claims[-6:])
            verdict = self.chance.choice(VERDICTS)
            if self.bench.apply(claim, verdict, slot) == Settled():
                self.bench.apply(claim, verdict, slot)

    def recover(self) -> None:
        """Take a process for dead, with any of its claims as the one that was cut off."""
        if self.claims:
            slot, claim = self.chance.choice(self.claims[-3:])
            self.bench.recover(slot, claim, self.chance.choice(CRASHES))

    def sweep(self) -> None:
        """Empty closed slots."""
        for slot in self.bench.reader.graves("q"):
            self.bench.recover(slot)

    def promote(self) -> None:
        """Let the time of some come."""
        delayed = self.bench.ids(Place.DELAYED)
        self.bench.make_due(*self.chance.sample(delayed, len(delayed) // 2))
        self.bench.store.promote("q", 2)

    def person(self) -> None:
        """Requeue, delete or cancel some jobs, wherever they are."""
        act = self.chance.choice([self.bench.store.requeue, self.bench.store.delete, self.bench.store.cancel])
        act("q", [f"j{self.chance.randrange(60)}" for _ in range(6)])

    def open_slots(self) -> list[str]:
        """Those that are not closed."""
        return [slot.slot for slot in self.bench.reader.slots("q")]


@on_servers
@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_or_doubled_on_any_way(bench: Bench, seed: int) -> None:
    walk = Walk(bench, seed)
    for _ in range(150):
        walk.step()
        assert broken(bench.channel, bench.app.settings.namespace) == []
    assert (len(walk.completed), len(set(walk.completed))) == (bench.counts().get("completed", 0), len(walk.completed))
