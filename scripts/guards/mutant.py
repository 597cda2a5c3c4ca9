"""What a mutant is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LUA: Final = "exqueue/store/lua"
STORE: Final = "tests/store"
SHARED: Final = "tests/store/test_every_step.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """`file`: where `text`, which occurs there once, becomes `instead`. `tests`: each of them must fail then.

    `quick`: tried by every run of the tests, too.
    """

    name: str
    guard: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]
    quick: bool = False


def mutant(name: str, guard: str, file: str, text: str, instead: str, *tests: str, quick: bool = False) -> Mutant:
    """One, with its tests at the end."""
    return Mutant(name, guard, file, text, instead, tests, quick)
