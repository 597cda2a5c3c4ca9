"""What must be true of a queue at every moment. Each rule looks at one job, or one tally, as it was at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exqueue.model.job import NO_JOB
from exqueue.model.text import one_line
from exqueue.store.replies import text_id
from exqueue.store.views import COUNTERS, RANKS, Tally, View

SAME_MOMENT: Final = 100  # ms between two times that one step has written

BY_HAND: Final = {
    "body": "it ends in failed when its turn comes; delete it there, and enqueue it again",
    "header": "it ends in failed (bad_header) when its turn comes; delete it there, and enqueue it again",
    "terms": "it is taken for a plain job, without key, priority, unique name or followers; "
    "its key waits until it is gone, and goes on with the next repair",
    "chain": "what was to follow it is lost, or cannot be read; enqueue that yourself",
    "unique": "two jobs have one name; cancel the one that is not wanted",
    "head": "another one of its key is at the head; look again when this one has ended",
    "owner": "somebody else wrote to it; a runner of the queue closes it after its lease",
    "run": "look again when it has ended",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be. `invariant`: the short name of the rule; `key`: the id, key or field concerned.

    `repair`: the step that sets it right, empty if none can; `given`: what it is told of it. `advice`: what a person can do.
    """

    queue: str
    invariant: str
    key: str
    line: str
    repair: str = ""
    advice: str = ""
    given: tuple[str | bytes, ...] = ()

    @property
    def repairable(self) -> bool:
        """Whether `--repair` sets it right."""
        return bool(self.repair)


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of a queue. `unknown`: those that are neither open nor closed, but have a processing list; `settled`: that
    have settled something, whatever they are now.
    """

    open: frozenset[str]
    graves: frozenset[str]
    unknown: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()

    @property
    def all(self) -> list[str]:
        """All of them, in a fixed order."""
        return sorted(self.open | self.graves | self.unknown | self.settled)


def of_job(queue: str, view: View) -> Iterator[Finding]:
    """All that is wrong with what is kept under one id. The view must be exact."""
    name = one_line(view.name)
    if view.header is None:
        yield from _of_no_job(queue, view, name)
        return
    rules = (_place, _token, _readable, _complete, _key, _unique)
    for rule in rules:
        for invariant, line, repair in rule(view):
            yield Finding(queue, invariant, view.name, f"{name} {line}", repair, "" if repair else BY_HAND[invariant], _given(repair, view))


def _given(repair: str, view: View) -> tuple[str | bytes, ...]:
    return (view.id, "") if repair == "retie" else (view.id,)


Problem = tuple[str, str, str]  # invariant, line without the id, step that repairs it


def _of_no_job(queue: str, view: View, name: str) -> Iterator[Finding]:
    if view.places:
        yield Finding(queue, "ghost", view.name, f"{name} is in {_several(view.places)}, but not a job", "relocate", "", (view.id,))
    elif view.kept & {"bodies", "chains"}:
        yield Finding(queue, "ghost", view.name, f"{name} has {_several(sorted(view.kept))}, but no header", "relocate", "", (view.id,))
    else:
        left = sorted(view.kept) + ["runs"] * (view.run is not None) + ["terms"] * (view.terms is not None)
        for key in left:
            yield Finding(queue, "leftover", view.name, f"{key} has {name}, which is no job", "strip", "", (key, view.id, ""))


def _place(view: View) -> Iterator[Problem]:
    places = view.places
    if not places:
        yield "nowhere", "is in no place", "relocate"
    elif len(places) > 1:
        yield "twice", f"is in {len(places)} places: {', '.join(map(one_line, places))}", "relocate"
    elif view.line and view.agreed.priority:
        yield "order", f"has priority {view.agreed.priority}, but stands among those that have none", "reorder"
    elif "ranked" in view.scores and view.scores["ranked"] != view.seq - view.agreed.priority * RANKS:
        yield "order", "stands at a wrong place of the line", "reorder"


def _token(view: View) -> Iterator[Problem]:
    run = view.state
    if run.token and run.slot not in view.held:
        holders = ", ".join(map(one_line, view.held)) or "nobody"
        yield "token", f"carries a token of {one_line(run.slot)}, but is held by {holders}", "relocate"


def _readable(view: View) -> Iterator[Problem]:
    if (problem := view.told.problem) and problem != NO_JOB:
        yield "header", f"cannot be run: {problem}", ""
    if not view.terms_readable:
        yield "terms", "has terms that cannot be read", ""
    if not view.run_readable:
        yield "run", "has a run that cannot be read", "" if view.held else "relocate"


def _complete(view: View) -> Iterator[Problem]:
    if "bodies" not in view.kept:
        yield "body", "has no body", ""
    tied = view.kept & {"chains", "results", "progress"}
    if tied and view.terms is None:
        yield "terms", f"has {_several(sorted(tied))}, but no terms", ""
    if view.agreed.chained and "chains" not in view.kept and "done" not in view.scores:
        yield "chain", "is followed by nothing, though it should be", ""


def _key(view: View) -> Iterator[Problem]:
    """One job of a key is at its head: pending, processing, between retries, or failed and blocking. The others wait."""
    if not (key := one_line(view.agreed.key)):
        return
    failed = "failed" in view.scores
    if view.is_head:
        if view.waits or "done" in view.scores:
            yield "head", f"is at the head of {key}, and {'waits' if view.waits else 'done'}", "retie"
        elif view.places and failed != (view.blocked is not None):
            yield "blocked", f"{'failed' if failed else 'did not fail'} at the head of {key}, which is {'not ' * failed}blocked", "retie"
        return
    ready = bool(view.line) or "ranked" in view.scores or view.held
    if ready or ("delayed" in view.scores and view.state.since):
        stands = ready and not view.state.token
        yield "head", f"of {key} is under way, but not at the head", "retie" if stands or view.head is None else ""
    elif view.waits and view.head is None:
        yield "head", f"of {key} waits behind nobody", "retie"
    elif failed and view.head is None and view.blocked is not None and abs(view.blocked - view.scores["failed"]) <= SAME_MOMENT:
        yield "head", f"of {key} blocks it, but is not at the head", "retie"


def _unique(view: View) -> Iterator[Problem]:
    name = view.agreed.unique
    if name and "done" not in view.scores and view.owner != view.id:
        owner = one_line(text_id(view.owner)) if view.owner else "nobody"
        yield "unique", f"has the unique name {one_line(name)}, which belongs to {owner}", "" if view.owner else "retie"


def of_tally(queue: str, tally: Tally, newest: int) -> Iterator[Finding]:
    """All that is wrong with the numbers. `newest`: the greatest seq that was seen before the tally."""
    wrong = [name for name in COUNTERS if not tally.is_number(name)]
    for name in wrong:
        held = one_line(text_id(tally.counters[name] or b""), 60)
        yield Finding(queue, "counters", name, f"the counter {name} is not a number: {held}", "recount", "", (str(newest),))
    if not wrong:
        yield from _sums(queue, tally, newest)
    if tally.rung > 1 or (tally.rung and not tally.first):
        yield Finding(queue, "bell", "pending", f"there are {tally.rung} bells in pending, where at most the first entry is one", "recount")
    if tally.ranked and not tally.pending and not tally.bells and not tally.idle:  # whoever holds one of these will look, and ring
        yield Finding(queue, "bell", "pending", "jobs are ranked, but there is nothing in pending that would wake a process", "recount")


def _sums(queue: str, tally: Tally, newest: int) -> Iterator[Finding]:
    enqueued, completed, deleted, _, running, seq = map(tally.counted, COUNTERS)
    if enqueued != tally.present + completed + deleted:
        line = f"the counters do not add up: {enqueued} enqueued, {tally.present} there, {completed} completed, {deleted} deleted"
        yield Finding(queue, "counters", "enqueued", line, "recount")
    if running != tally.running:
        yield Finding(queue, "running", "running", f"{tally.running} jobs run, but {running} are counted", "recount")
    if newest > seq:
        yield Finding(queue, "seq", "seq", f"the line has come to number {newest}, but is counted to {seq}", "recount", "", (str(newest),))


def _several(names: list[str]) -> str:
    return " and ".join(map(one_line, dict.fromkeys(names)))
