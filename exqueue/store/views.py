"""What the steps `audit` and `tally` answer, as values: one job, or one queue, at one moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from exqueue.model.job import Header, Run, Terms
from exqueue.store.replies import text_id

_RUN: Final = re.compile(rb"\d+ \d+ \d+ \d+ .+", re.DOTALL)  # as the Lua files read it
_TERMS: Final = re.compile(rb"\S+ -?\d+ [01] \S+ \d+ [01]")
_SEQ: Final = re.compile(rb'{"seq":(\d+)[,}]')
COUNTERS: Final = ("enqueued", "completed", "deleted", "crashed", "running", "seq")
RANKS: Final = 2**42  # numbers of the line for each priority, see _line.lua
DIGITS: Final = 14  # of a counter
_COUNTER: Final = re.compile(rb"\d{1,%d}" % DIGITS)
FAR: Final = 12  # digits of a number to which no line has come; if the counter rose to it, too few would be left


@dataclass(frozen=True, slots=True)
class View:
    """Everything there is under one id. `header`, `run`, `terms`: as stored, None for none.

    `kept`: which of bodies, errors, chains, results and progress have it. `line`: all its positions in `pending`, empty also
    if they were not looked for. `scores`: in which sorted sets it is. `held`: the slots whose lists name it, each mention.
    `owner`: the id that has its unique name; `head`: the one at the head of its key; `blocked`: since when the key is.
    """

    id: bytes
    header: bytes | None
    run: bytes | None
    terms: bytes | None
    kept: frozenset[str]
    line: tuple[int, ...]
    scores: dict[str, float]
    waits: bool
    held: tuple[str, ...]
    owner: bytes | None
    head: bytes | None
    blocked: float | None

    @staticmethod
    def read(job_id: bytes, row: list[Any]) -> View:
        """One entry of what audit.lua answers."""
        header, body, run, terms, errors, chain, result, progress, line, *scores, waits, held, owner, head, blocked = row
        kept = {"bodies": body, "errors": errors, "chains": chain, "results": result, "progress": progress}
        found = zip(("ranked", "delayed", "failed", "done"), scores, strict=True)
        return View(
            job_id, header, run, terms, frozenset(name for name, there in kept.items() if there), tuple(line),
            {name: float(score) for name, score in found if score is not None}, bool(waits),
            tuple(slot.decode("utf-8", "replace") for slot in held), owner, head, None if blocked is None else float(blocked),
        )  # fmt: skip

    @property
    def name(self) -> str:
        """The id as text."""
        return text_id(self.id)

    @property
    def state(self) -> Run:
        """The run, read."""
        return Run.decode(self.run)

    @property
    def claimed_by(self) -> str:
        """The slot that its token names, byte for byte as `text_id` reads it; empty if it has none."""
        return text_id((self.run or b"").split(b" ", 4)[-1].rpartition(b"/")[0])

    @property
    def agreed(self) -> Terms:
        """The terms, read."""
        return Terms.decode(self.terms)

    @property
    def told(self) -> Header:
        """The header, read."""
        return Header.decode(self.header)

    @property
    def seq(self) -> int:
        """Its number in the line, as the steps read it."""
        return seq_of(self.header)

    @property
    def is_head(self) -> bool:
        """Whether it is at the head of its key."""
        return self.head == self.id

    @property
    def run_readable(self) -> bool:
        """Whether the steps can read its run; they take one they cannot read for that of a job that never began."""
        return self.run is None or bool(_RUN.fullmatch(self.run))

    @property
    def terms_readable(self) -> bool:
        """Whether the steps can read its terms; they take a job whose terms they cannot read for a plain one."""
        return self.terms is None or bool(_TERMS.fullmatch(self.terms))

    @property
    def may_wait(self) -> bool:
        """Whether it may wait for the key that `waiting` says, though it has no terms: it is nowhere else."""
        return self.header is not None and self.terms is None and not self.places

    @property
    def may_hold_names(self) -> bool:
        """Whether it may have what `heads` and `uniques` say, though its terms do not: nobody knows them, and it has not ended."""
        return self.header is not None and not (self.terms is not None and self.terms_readable) and "done" not in self.scores

    @property
    def places(self) -> list[str]:
        """Where it is, each mention once: `pending`, `processing:SLOT`, ..."""
        waits = ["waiting"] if self.waits else []
        return ["pending"] * len(self.line) + [*self.scores, *waits] + [f"processing:{slot}" for slot in self.held]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many are where, at one moment. `held`: ids in processing lists, `idle` of them not claimed, `running` claimed.

    `rung`: bells in `pending`, `first`: whether it begins with one; `bells`: those in processing lists; `counters`: as stored.
    """

    pending: int
    rung: int
    first: bool
    ranked: int
    delayed: int
    waiting: int
    failed: int
    done: int
    held: int
    bells: int
    idle: int
    running: int
    counters: dict[str, bytes | None]

    @staticmethod
    def read(row: list[Any]) -> Tally:
        """What tally.lua answers."""
        pending, rung, first, ranked, delayed, waiting, failed, done, held, bells, idle, running, counters = row
        named = dict(zip(COUNTERS, counters, strict=True))
        return Tally(pending, rung, bool(first), ranked, delayed, waiting, failed, done, held, bells, idle, running, named)

    @property
    def present(self) -> int:
        """All that is in a place."""
        return self.pending - self.rung + self.ranked + self.delayed + self.waiting + self.failed + self.done + self.held

    def counted(self, name: str) -> int:
        """A counter; 0 for none, or for what is no number."""
        return counted_to(self.counters[name])

    def is_number(self, name: str) -> bool:
        """Whether the steps take it for a counter; they refuse to do anything where it is something else."""
        return is_counter(self.counters[name])


def is_counter(value: bytes | None) -> bool:
    """Whether the steps take this for a counter."""
    return value is None or bool(_COUNTER.fullmatch(value))


def seq_of(header: bytes | None) -> int:
    """The number in the line that a header begins with, as the steps read it; 0 for none, and for what no counter can hold."""
    digits = digits_of(header)
    return int(digits) if _COUNTER.fullmatch(digits) else 0


def digits_of(header: bytes | None) -> bytes:
    """That number as it stands there; empty for none."""
    found = _SEQ.match(header or b"")
    return found[1] if found else b""


def counted_to(raw: bytes | None) -> int:
    """A counter; 0 for none, or for what is no number."""
    return int(raw) if raw and _COUNTER.fullmatch(raw) else 0
