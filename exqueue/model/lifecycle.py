"""The life of a job: which step moves it from which place to which. The Lua headers and docs/lifecycle.md must agree."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Place(StrEnum):
    """Where a job can be; it is in exactly one of them. `NONE`: not made yet, or gone."""

    NONE = "none"
    PENDING = "pending"
    DELAYED = "delayed"
    WAITING = "waiting"
    PROCESSING = "processing"
    FAILED = "failed"
    DONE = "done"


Move = tuple[Place, Place]

_N, _P, _D, _W = Place.NONE, Place.PENDING, Place.DELAYED, Place.WAITING
_R, _F, _K = Place.PROCESSING, Place.FAILED, Place.DONE

# Whatever takes a job from the head of its key brings the next one of that key from waiting to pending.
TABLE: Final[dict[str, frozenset[Move]]] = {
    "enqueue": frozenset({(_N, _P), (_N, _D), (_N, _W)}),
    "push": frozenset({(_N, _P)}),
    "fire": frozenset({(_N, _P), (_N, _W)}),
    "promote": frozenset({(_D, _P), (_D, _W)}),
    "claim": frozenset({(_P, _R)}),
    "complete": frozenset({(_R, _N), (_P, _R)}),  # settles one job and claims the next: one round trip a job
    "batch": frozenset({(_R, _N), (_P, _R)}),  # several of both
    "finish": frozenset({(_R, _N), (_R, _K), (_W, _P), (_P, _R)}),
    "retry": frozenset({(_R, _D)}),
    "snooze": frozenset({(_R, _D)}),
    "fail": frozenset({(_R, _F), (_W, _P)}),
    "release": frozenset({(_R, _P)}),
    "discard": frozenset({(_R, _N), (_W, _P)}),
    "recover": frozenset({(_R, _P), (_R, _F), (_W, _P)}),
    "requeue": frozenset({(_F, _P), (_F, _W), (_P, _W), (_W, _P)}),
    "skip": frozenset({(_W, _P)}),
    "delete": frozenset({(_F, _N), (_K, _N), (_W, _P)}),
    "cancel": frozenset({(_P, _N), (_D, _N), (_W, _N), (_W, _P)}),
    "purge": frozenset({(_K, _N)}),
    "relocate": frozenset({(_N, _F), (_N, _R)}),  # repairs: what was in no place
    "strip": frozenset({(_N, _F)}),
    "retie": frozenset({(_P, _W), (_W, _P)}),
}


def mermaid() -> str:
    """The table as a Mermaid state diagram, the one in docs/lifecycle.md."""
    names: dict[Move, list[str]] = {}
    for step, moves in TABLE.items():
        for move in moves:
            names.setdefault(move, []).append(step)

    def shown(place: Place) -> str:
        return "[*]" if place is Place.NONE else place.value

    order = list(Place)
    rows = [
        f"  {shown(a)} --> {shown(b)} : {' · '.join(names[a, b])}"
        for a, b in sorted(names, key=lambda move: (order.index(move[0]), order.index(move[1])))
    ]
    return "\n".join(["stateDiagram-v2", *rows])
