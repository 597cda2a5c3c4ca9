"""Whatever happens to a request of a client, a worker process, a runner or a person: nothing is lost, doubled, or out of order."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.bench import Bench, bench
from tests.faults.faults import Scenario
from tests.faults.product import EVERYTHING, SOME, scenarios
from tests.faults.programs import PROGRAMS

ALL = os.environ.get("EXQUEUE_FAULTS") == "all"  # hours; without it, the same sample each time
FORMER = [  # what once went wrong
    "plain/c.4=down",
    "plain/c.3=lost+c.4=oom",
]


@pytest.fixture(scope="module")
def faults() -> Iterator[Bench]:
    with bench() as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(0 if ALL else 300)
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_fault_at_every_request_leaves_all_as_it_shall_be(faults: Bench, program: str) -> None:
    count, wrong = 0, []
    for scenario, found in scenarios(faults, program, EVERYTHING if ALL else SOME):
        count += 1
        wrong += [f"python -m tests.faults '{scenario}': {line}" for line in found]
    print(f"{program}: {count} scenarios")
    assert (wrong[:20], count >= SOME.whole) == ([], True)


def test_there_are_more_than_five_thousand() -> None:
    assert SOME.whole * len(PROGRAMS) > 5000


@pytest.mark.slow
@pytest.mark.parametrize("scenario", FORMER)
def test_what_once_went_wrong_stays_right(faults: Bench, scenario: str) -> None:
    found, _ = faults.run(Scenario.parse(scenario))
    assert found == []


def test_a_scenario_is_named_so_that_it_can_be_repeated() -> None:
    names = ["plain/none", "plain/rp1.3=kill_after", "plain/c.1=lost+m1.12=cut", "plain/r.2=frozen_after~17"]
    assert [str(Scenario.parse(name)) for name in names] == names
