"""Take away each guard in turn, in a copy of the tree, and show which test notices: `python -m scripts.mutants [NAME…]`.

`--by-enumeration`: try a small sample of the enumeration of faults on it, in place of the test that is named.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.guards import MUTANTS, Mutant

ROOT: Final = Path(__file__).parents[1]
LIMIT: Final = 600.0  # seconds; a mutant may make a test hang
ENUMERATION: Final = ("the enumeration",)
OURS: Final = ("exqueue", "tests", "scripts", "docs", "pyproject.toml", "README.md")


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a mutant. `missed`: the tests that passed all the same, or could not be run; empty is what is wanted."""

    mutant: Mutant
    missed: tuple[str, ...]
    seconds: float


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """A copy of the tree that may be changed."""
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        for name in OURS:
            copy, there = (shutil.copy, root / name) if (root / name).is_file() else (shutil.copytree, root / name)
            if there.exists():
                copy(there, Path(directory) / name)
        yield Path(directory)


def occurrences(mutant: Mutant, root: Path) -> int:
    """How often the text of a guard occurs: once, or the mutant is out of date."""
    return (root / mutant.file).read_text("utf-8").count(mutant.text)


def unknown_tests(mutant: Mutant, root: Path) -> list[str]:
    """The tests of a mutant that do not exist."""
    found = []
    for test in mutant.tests:
        file, _, name = test.partition("::")
        path = root / file
        if not path.exists() or not re.search(rf"^def {re.escape(name)}\(", path.read_text("utf-8"), re.MULTILINE):
            found.append(test)
    return found


def tried(mutant: Mutant, tree: Path, tests: tuple[str, ...]) -> Trial:
    """Put the mutant into a tree, run these tests, and take it out again."""
    path, began = tree / mutant.file, time.monotonic()
    sound = path.read_text("utf-8")
    path.write_text(sound.replace(mutant.text, mutant.instead), "utf-8")
    missed = tuple(test for test in tests if not _fails(test, tree))
    path.write_text(sound, "utf-8")
    return Trial(mutant, missed, time.monotonic() - began)


def _fails(test: str, tree: Path) -> bool:
    """Whether a test fails, in any of its cases. That it cannot be run at all does not count."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # a file that changes within a second would be taken for the one before
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", test]
    if test in ENUMERATION:
        command = [sys.executable, "-m", "tests.faults", "--until-wrong"]
    try:
        ran = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return True
    return ran.returncode == 1


def report(trial: Trial, tests: tuple[str, ...]) -> str:
    """A row of the table."""
    mutant = trial.mutant
    caught = ", ".join(test.rpartition("::")[2] for test in tests if test not in trial.missed) or "SURVIVES"
    return f"| {mutant.name} | {mutant.guard} | {caught} | {trial.seconds:.1f} |"


def main(arguments: list[str]) -> int:
    """Exit code 1 if a mutant survives, or its text or its test is not found."""
    by_enumeration = "--by-enumeration" in arguments
    names = [name for name in arguments if not name.startswith("-")]
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    stale = [f"{m.name}: its text occurs {n} times in {m.file}" for m in chosen if (n := occurrences(m, ROOT)) != 1]
    stale += [f"{mutant.name}: there is no {test}" for mutant in chosen for test in unknown_tests(mutant, ROOT)]
    if stale or not chosen:
        print("\n".join(stale) or f"there is no mutant {', '.join(names)}")
        return 1
    print("| mutant | guard | test that notices | seconds |\n|---|---|---|---|")
    survivors = 0
    with copied(ROOT) as tree:
        for mutant in chosen:
            tests = ENUMERATION if by_enumeration else mutant.tests
            trial = tried(mutant, tree, tests)
            survivors += bool(trial.missed)
            print(report(trial, tests), flush=True)
    print(f"{len(chosen)} mutants, {survivors} survive")
    return min(survivors, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
