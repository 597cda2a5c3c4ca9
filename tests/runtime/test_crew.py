"""How many processes are missing, and when a dead one is replaced: no processes, no clock."""

from __future__ import annotations

from exqueue.model.worker import WorkerSpec
from exqueue.runtime.crew import HEALTHY, LONGEST_PAUSE, Crew

SPEC = WorkerSpec("jobs:Two", "Two", 2, 3)


def test_what_is_missing_is_made_once_with_slots_nobody_else_has() -> None:
    crew = Crew((SPEC,), "r")
    assert ([child.slot for child in crew.missing(0)], crew.missing(0)) == (["r.1", "r.2"], [])


def test_a_first_crash_is_mended_at_once() -> None:
    crew = Crew((SPEC,), "r")
    crew.ended(crew.missing(0)[0], orderly=False, now=0.1)
    assert [child.slot for child in crew.missing(0.1)] == ["r.3"]


def test_in_a_storm_of_crashes_the_pauses_double_up_to_a_limit() -> None:
    crew, now, pauses = Crew((SPEC,), "r"), 0.0, []
    crew.missing(now)
    for _ in range(9):
        crew.ended(list(crew.children.values())[-1], orderly=False, now=now)  # the newest: it dies as soon as it is born
        pauses.append(crew.next_due(now) or 0.0)
        now += pauses[-1]
        crew.missing(now)
    assert [round(pause, 3) for pause in pauses] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_process_that_lived_for_a_while_does_not_count_as_part_of_a_storm() -> None:
    crew = Crew((SPEC,), "r")
    for now in (HEALTHY, 2 * HEALTHY, 3 * HEALTHY):
        child = crew.missing(now - HEALTHY)[0]
        crew.ended(child, orderly=False, now=now)
    assert crew.next_due(3 * HEALTHY) is None


def test_an_orderly_end_is_replaced_without_a_pause() -> None:
    crew = Crew((SPEC,), "r")
    for _ in range(5):
        crew.missing(0)
        crew.ended(next(iter(crew.children.values())), orderly=True, now=0)
    assert crew.next_due(0) is None
