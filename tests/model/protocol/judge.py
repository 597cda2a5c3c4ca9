"""What must never be, of jobs in their places."""

from __future__ import annotations

from collections.abc import Sequence

from tests.model.protocol.line import BELL, GONE, HELD, LIST, RANKED, WAITING, Line


def places(state: Line, commits: Sequence[int]) -> str:
    """Each job is where it is said to be, once, and is committed at most once."""
    held = [job for jobs in state.held for job in jobs if job != BELL]
    listed = [job for job in state.pending if job != BELL]
    for job, place in enumerate(state.where):
        if held.count(job) != (place == HELD) or listed.count(job) != (place == LIST):
            return f"job {job} is {place}, and held {held.count(job)} times, listed {listed.count(job)} times"
        if commits[job] > 1:
            return f"job {job} was committed twice"
    return ""


def line(state: Line) -> str:
    """`pending` is in order, and the head of a key is a job that is there."""
    seqs = [state.seq[job] for job in state.pending if job != BELL]
    if seqs != sorted(seqs):
        return "the line is out of order"
    gone = [key for key, head in state.heads.items() if state.where[head] in (GONE, WAITING)]
    return f"the head of {gone[0]} is {state.where[state.heads[gone[0]]]}" if gone else ""


def unannounced(state: Line) -> bool:
    """Jobs are ready, and whoever is blocked is not told."""
    return RANKED in state.where and not state.pending
