"""What goes wrong in a scenario: which request of whom, and how. Frozen values that a line of text stands for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from redis._parsers.base import BaseParser


class Kind(Enum):
    """What happens to a request. A *caller* that was killed does nothing any more; else it may ask again."""

    KILL_BEFORE = "kill_before"  # the caller dies before it sends it
    KILL_AFTER = "kill_after"  # it is carried out, and the caller dies before it reads the reply
    LOST = "lost"  # it is carried out, the connection breaks before the reply
    CUT = "cut"  # the connection breaks before it arrives
    REFUSED = "refused"  # nobody listens
    SILENT = "silent"  # it is carried out, and nothing more comes back until the caller gives up
    DOWN = "down"  # nobody listens until the caller gives up
    OOM = "oom"
    MISCONF = "misconf"
    READONLY = "readonly"
    LOADING = "loading"
    BUSY = "busy"
    NOSCRIPT = "noscript"
    FROZEN_BEFORE = "frozen_before"  # the caller stands still before it sends it, and goes on when others have moved
    FROZEN_AFTER = "frozen_after"  # the same before it reads the reply


DEATHS: Final = (Kind.KILL_BEFORE, Kind.KILL_AFTER)
FREEZES: Final = (Kind.FROZEN_BEFORE, Kind.FROZEN_AFTER)
ERRORS: Final = {
    Kind.OOM: "OOM command not allowed when used memory > 'maxmemory'.",
    Kind.MISCONF: "MISCONF Redis is configured to save, but is unable to persist to disk.",
    Kind.READONLY: "READONLY You can't write against a read only replica.",
    Kind.LOADING: "LOADING Redis is loading the dataset in memory",
    Kind.BUSY: "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    Kind.NOSCRIPT: "NOSCRIPT No matching script. Please use EVAL.",
}
ALWAYS: Final = (*DEATHS, Kind.LOST, Kind.CUT, Kind.SILENT, Kind.DOWN, Kind.LOADING, Kind.BUSY)
TO_WRITES: Final = (Kind.OOM, Kind.MISCONF, Kind.READONLY)
WRITES: Final = frozenset({"SADD", "BLMOVE"})
PATIENCE: Final = 0.05  # seconds of the clock: a request is sent three times before its channel gives up
LASTING: Final = {Kind.SILENT: Kind.CUT, Kind.DOWN: Kind.REFUSED}  # what the next two requests meet


@dataclass(frozen=True, slots=True)
class Request:
    """One request of an actor, as it was sent. `name`: that of a step, or of the commands. `number`: of this actor, from 1."""

    actor: str
    number: int
    name: str
    step: bool

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What can happen to it: a server refuses no reads for want of memory."""
        writes = self.step or self.name in WRITES
        return (*ALWAYS, *(TO_WRITES if writes else ()), *((Kind.NOSCRIPT,) if self.step else ()))


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request. `moves`: of a freeze, how many requests the others send meanwhile."""

    actor: str
    number: int
    kind: Kind
    moves: int = 0

    def __str__(self) -> str:
        return f"{self.actor}.{self.number}={self.kind.value}" + (f"~{self.moves}" if self.kind in FREEZES else "")

    @staticmethod
    def parse(text: str) -> Fault:
        """The reverse of str()."""
        who, _, what = text.partition("=")
        actor, _, number = who.rpartition(".")
        kind, _, moves = what.partition("~")
        return Fault(actor, int(number), Kind(kind), int(moves or 0))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A program and what goes wrong in it. str() names it so that it can be repeated."""

    program: str
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        return f"{self.program}/{'+'.join(map(str, self.faults)) or 'none'}"

    @staticmethod
    def parse(text: str) -> Scenario:
        """The reverse of str()."""
        program, _, faults = text.partition("/")
        return Scenario(program, tuple(map(Fault.parse, faults.split("+"))) if faults != "none" else ())

    @property
    def freeze(self) -> Fault | None:
        """The fault by which somebody stands still, if there is one."""
        return next((fault for fault in self.faults if fault.kind in FREEZES), None)


class Killed(BaseException):
    """The actor is dead. Not an Exception: nothing of what it was doing may be ended in order."""


def error_of(kind: Kind) -> Any:
    """The error as redis-py makes it of what the server says."""
    return BaseParser.parse_error(ERRORS[kind])  # type: ignore[no-untyped-call]
