"""Seeded simulation: whatever is killed, frozen, lost or suspected, in whatever order, the promise holds.

`python -m tests.simulation SEED --trace` shows the course of a seed that fails here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from tests.simulation.run import play
from tests.simulation.seeds import KEPT
from tests.simulation.wire import Server
from tests.store.servers import running

SEEDS: Final = int(os.environ.get("SEEDS", "500"))
PART: Final = 50


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that all seeds share."""
    with running("valkey") as place:
        found = Server(place.socket)
        yield found
        found.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_whatever_happens_nothing_is_lost_doubled_out_of_order_or_stuck(server: Server, first: int) -> None:
    played = {seed: play(seed, server).problem for seed in range(first, min(SEEDS, first + PART))}
    assert {seed: problem for seed, problem in played.items() if problem} == {}


@pytest.mark.parametrize("seed", KEPT)
def test_what_has_failed_once_holds(server: Server, seed: int) -> None:
    assert play(seed, server).problem == ""


def test_the_course_of_a_seed_is_the_same_each_time() -> None:
    courses = [
        subprocess.run(
            [sys.executable, "-m", "tests.simulation", "7", "--trace"],
            env={**os.environ, "PYTHONHASHSEED": chance}, capture_output=True, text=True, check=True,
        ).stdout.rpartition("\n1 seeds in")[0]
        for chance in ("1", "2")
    ]  # fmt: skip
    assert courses[0] == courses[1]
    assert len(courses[0].splitlines()) > 100
