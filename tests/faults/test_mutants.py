"""A guard that is taken away is noticed: some of them here, all of them by `make mutants`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.guards import MUTANTS, Mutant
from scripts.mutants import ROOT, copied, occurrences, report, tried, unknown_tests

QUICK = [mutant for mutant in MUTANTS if mutant.quick]
each_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    with copied(ROOT) as copy:
        yield copy


@each_mutant
def test_each_mutant_fits_the_code_and_names_tests_that_there_are(mutant: Mutant) -> None:
    assert (occurrences(mutant, ROOT), unknown_tests(mutant, ROOT), mutant.text != mutant.instead) == (1, [], True)


def test_no_two_mutants_are_one() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len({(mutant.file, mutant.text) for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("mutant", QUICK, ids=lambda mutant: mutant.name)
def test_a_guard_that_is_taken_away_is_noticed(tree: Path, mutant: Mutant) -> None:
    assert tried(mutant, tree, mutant.tests).missed == ()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_mutant_that_changes_nothing_survives_and_leaves_the_code_as_it_was(tree: Path) -> None:
    harmless = replace(
        QUICK[0], instead=f"{QUICK[0].text} ", tests=("tests/store/test_claim.py::test_nothing_is_claimed_from_an_empty_queue",)
    )
    trial = tried(harmless, tree, harmless.tests)
    assert (trial.missed, "SURVIVES" in report(trial, harmless.tests)) == (harmless.tests, True)
    assert (tree / harmless.file).read_bytes() == (ROOT / harmless.file).read_bytes()
