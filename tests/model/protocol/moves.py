"""What can happen next in a state: one step of a process, of an observer, of a person, or of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.model.protocol.actors import (
    BLOCKS,
    CLAIMS,
    DEAD,
    DECIDED,
    HAS,
    OVERTAKEN,
    RAN,
    SEEN,
    SETTLES,
    UNBORN,
    UNSEEN,
    WAITS,
    Protocol,
)  # fmt: skip
from tests.model.protocol.line import CLOSED, DELAYED, FAILED, NEW

Step = tuple[Any, ...]  # label, method, arguments


def moves(state: Protocol) -> Iterator[tuple[str, Protocol]]:
    """Each with its label, and the state it leads to."""
    for label, act, *arguments in _possible(state):
        after = state.copy()
        act(after, *arguments)
        yield " ".join([label, *(str(argument) for argument in arguments if type(argument) is int)]), after


def _possible(state: Protocol) -> Iterator[Step]:
    kind = type(state)
    if NEW in state.where:
        yield "enqueue", kind.enqueue, state.where.index(NEW)
    for slot, does in enumerate(state.does):
        yield from _of_process(state, slot, does)
        if not (does == DEAD and state.slot[slot] == CLOSED and not state.sweeps):
            yield from _of_observer(state, slot, does)
    for job, place in enumerate(state.where):
        if place == DELAYED:
            yield "promote", kind.promote, job
        elif place == FAILED and state.acts:
            yield "requeue", kind.person_requeues, job
            yield "delete", kind.person_deletes, job
            if state.is_head(job):
                yield "skip", kind.person_skips, job


def _of_process(state: Protocol, slot: int, does: str) -> Iterator[Step]:
    kind = type(state)
    if slot in state.waiters:
        yield "time is up", kind.expire, slot
    simple = {UNBORN: ("born", kind.born), BLOCKS: ("blocks", kind.block), WAITS: ("woken", kind.woken), HAS: ("starts", kind.start)}
    if does in simple:
        yield (*simple[does], slot)
    elif does == DEAD:
        if slot in state.waiters:
            yield "hung up", kind.leave_waiters, slot
        return
    elif does == RAN:
        for verdict in _verdicts(state, slot):
            yield verdict, kind.decide, slot, verdict
    else:
        name, act = {CLAIMS: ("claims", kind.claims_next), SETTLES: ("settles", kind.settles)}[does]
        yield name, act, slot, True
        yield f"{name} and does not hear", act, slot, False
    if state.kills and does != UNBORN:
        yield "killed", kind.kill, slot


def _verdicts(state: Protocol, slot: int) -> Iterator[str]:
    job, bounds = state.job[slot], state.bounds
    yield "complete"
    if job is not None and state.failures[job] < bounds.retries:
        yield "retry"
    if bounds.fails:
        yield "fail"
    if state.releases:
        yield "release"


def _of_observer(state: Protocol, slot: int, does: str) -> Iterator[Step]:
    kind, seen = type(state), state.observer[slot]
    if does == DEAD and (state.held[slot] or state.slot[slot] != CLOSED):
        yield "recover", kind.recover_dead, slot
    elif state.suspicions and seen == UNSEEN and state.slot[slot] != CLOSED and does not in (UNBORN, DEAD):
        yield "sighted", kind.sight, slot
    if seen == SEEN:
        yield "taken for dead", kind.judge, slot
    if seen in (DECIDED, OVERTAKEN):
        yield "recover suspect", kind.recover_suspect, slot
    if seen in (SEEN, DECIDED) and does != DEAD:
        yield "beats", kind.beat, slot
