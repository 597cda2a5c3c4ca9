"""How much of the protocol is explored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is explored. `keys`: of each job, empty for none; `priorities`: in place of 0.

    `slots`: processes that are ever born; `kills`, `suspicions`, `acts` (of a person): how many at most.
    `retries`, `crashes`: of a job before it fails for good; `releases`: jobs that are put back by an orderly stop.
    """

    keys: tuple[str, ...]
    slots: int = 2
    kills: int = 0
    suspicions: int = 0
    acts: int = 0
    retries: int = 0
    crashes: int = 2
    fails: bool = False
    releases: int = 0
    blocks: bool = True
    priorities: tuple[int, ...] = ()
