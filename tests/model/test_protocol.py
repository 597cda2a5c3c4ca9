"""The protocol, explored exhaustively: no state that may not be, none from which it does not end; and its guards are needed."""

from __future__ import annotations

import os
from typing import Final

import pytest

from tests.model.protocol.actors import Protocol
from tests.model.protocol.bounds import Bounds
from tests.model.protocol.explore import Found, explore
from tests.model.protocol.line import Reply, Token
from tests.model.protocol.moves import moves

KILLS: Final = Bounds(("A", "A", ""), slots=2, kills=1)
RETRIES: Final = Bounds(("A", "A"), slots=2, kills=1, retries=1)
RELEASED: Final = Bounds(("A", "A"), slots=2, kills=1, releases=1)
BLOCKS: Final = Bounds(("A", "A"), slots=2, kills=1, fails=True, acts=1)
GIVES_WAY: Final = Bounds(("A", "A"), slots=2, kills=1, fails=True, acts=1, blocks=False)
PERSON: Final = Bounds(("A", "A", "A"), slots=2, fails=True, acts=1)
SUSPECTED: Final = Bounds(("A", "A"), slots=3, suspicions=1)
RANKED: Final = Bounds(("", "", ""), slots=2, kills=1, priorities=(0, 1, -1))
TOO_EARLY: Final = "started before one of its key that was enqueued earlier had ended"
CASES: Final = {
    "kills": KILLS, "retries": RETRIES, "released": RELEASED, "blocks": BLOCKS, "gives way": GIVES_WAY,
    "person": PERSON, "suspected": SUSPECTED, "ranked": RANKED,
}  # fmt: skip
WIDER: Final = {  # EXQUEUE_MODEL=all: millions of states, some GB
    "two kills": Bounds(("A", "A", ""), slots=3, kills=2),
    "two suspicions": Bounds(("A", "A"), slots=3, suspicions=2),
    "suspected and plain": Bounds(("A", "A", ""), slots=3, suspicions=1),
    "all verdicts": Bounds(("A", "A"), slots=2, kills=1, retries=1, fails=True, acts=2, releases=1),
    "two keys": Bounds(("A", "B", "A"), slots=2, kills=1, fails=True, acts=1),
}


def explored(kind: type[Protocol], bounds: Bounds) -> Found:
    return explore(kind(bounds), moves, most=30_000_000)


@pytest.mark.parametrize("case", CASES)
def test_nothing_goes_wrong_and_nothing_is_stuck_whatever_happens_in_which_order(case: str) -> None:
    found = explored(Protocol, CASES[case])
    assert (found.problem, found.trace) == ("", ())
    assert found.states > 2_000


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(os.environ.get("EXQUEUE_MODEL") != "all", reason="an hour; EXQUEUE_MODEL=all runs it")
@pytest.mark.parametrize("case", WIDER)
def test_nor_within_wider_bounds(case: str) -> None:
    found = explored(Protocol, WIDER[case])
    assert (found.problem, found.trace) == ("", ())


class WithoutOwnership(Protocol):
    def standing(self, slot: int, job: int, token: Token) -> str:
        return super().standing(slot, job, token).replace("stale", "owned")


class ForgetsWhatItSettled(Protocol):
    def standing(self, slot: int, job: int, token: Token) -> str:
        return super().standing(slot, job, token).replace("again", "stale")


class ClaimNotRepeatable(Protocol):
    def first_held(self, slot: int) -> int | None:
        job = super().first_held(slot)
        return None if job is not None and self.token[job] else job


class BackToTheTail(Protocol):
    def put_back(self, job: int) -> None:
        self.where[job] = "list"
        self.pending.append(job)


class RetryFreesTheKey(Protocol):
    def _retry(self, job: int) -> None:
        super()._retry(job)
        self.free(job)


class FailureFreesTheKey(Protocol):
    def _fail(self, job: int) -> None:
        super()._fail(job)
        self.free(job)


class AnybodyFreesTheKey(Protocol):
    def free(self, job: int) -> None:
        if self.bounds.keys[job]:
            self.advance(self.bounds.keys[job])


class WithoutBeatCompare(Protocol):
    def recover(self, slot: int, started: Reply, *, alive: bool) -> str:
        return super().recover(slot, started, alive=alive and False)


class WithoutLookingAgain(Protocol):
    """Recovery takes what the slot holds now for what it was seen to hold."""

    def changed(self, slot: int, started: Reply) -> bool:
        return False


class WithoutSweep(Protocol):
    sweeps = False


class WithoutBell(Protocol):
    def ring(self) -> None:
        pass


class BellNotPassedOn(Protocol):
    """Whoever takes the last of the list does not ring for those that are ranked."""

    def take_first(self) -> int | None:
        ring, self.ring = self.ring, lambda: None  # type: ignore[method-assign]
        try:
            return super().take_first()
        finally:
            self.ring = ring  # type: ignore[method-assign]


class ClosedSlotTakes(Protocol):
    def _claimed_next(self, slot: int) -> Reply:
        return self._claim(slot, (slot, self.claims[slot] + 1))


MUTANTS: Final[dict[type[Protocol], tuple[Bounds, str]]] = {
    WithoutOwnership: (SUSPECTED, "told that it had settled, which it had not"),
    ForgetsWhatItSettled: (KILLS, "told that it was too late, though its outcome was committed"),
    ClaimNotRepeatable: (KILLS, "stuck"),
    BackToTheTail: (KILLS, "the line is out of order"),
    RetryFreesTheKey: (RETRIES, TOO_EARLY),
    FailureFreesTheKey: (BLOCKS, TOO_EARLY),
    AnybodyFreesTheKey: (Bounds(("A", "A", "A"), slots=2, fails=True, acts=1, blocks=False), TOO_EARLY),
    WithoutBeatCompare: (SUSPECTED, "recovered though it had beaten"),
    WithoutLookingAgain: (SUSPECTED, "job 0 is held, and held 0 times, listed 0 times"),
    WithoutSweep: (KILLS, "stuck"),
    WithoutBell: (RANKED, "nobody is woken"),
    BellNotPassedOn: (RANKED, "nobody is woken"),
    ClosedSlotTakes: (SUSPECTED, "a closed slot was given a job"),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_without_a_guard_there_is_a_way_to_what_must_never_be(mutant: type[Protocol]) -> None:
    bounds, problem = MUTANTS[mutant]
    found = explored(mutant, bounds)
    assert found.problem == problem
