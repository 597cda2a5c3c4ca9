"""The table of the lifecycle: closed, connected, and drawn as it stands."""

from __future__ import annotations

from exqueue.model.lifecycle import TABLE, Place, mermaid

MOVES = {move for moves in TABLE.values() for move in moves}
BY_A_PERSON = {"requeue", "delete", "cancel", "discard"}
SUCCEEDED = {"batch", "complete", "finish", "purge"}


def test_every_place_can_be_reached_and_left() -> None:
    assert ({a for a, _ in MOVES}, {b for _, b in MOVES}) == (set(Place), set(Place))


def test_a_failed_job_leaves_only_by_a_person() -> None:
    assert {step for step, moves in TABLE.items() if any(a is Place.FAILED for a, _ in moves)} <= BY_A_PERSON


def test_a_job_is_gone_only_when_it_has_succeeded_or_by_a_person() -> None:  # recover: of a job whose stop a person asked for
    assert {step for step, moves in TABLE.items() if any(b is Place.NONE for _, b in moves)} <= SUCCEEDED | BY_A_PERSON | {"recover"}


def test_nothing_but_a_claim_starts_a_job() -> None:
    moves = {move for step, moves in TABLE.items() if step != "relocate" for move in moves}  # that gives back what was claimed
    assert {move for move in moves if move[1] is Place.PROCESSING} == {(Place.PENDING, Place.PROCESSING)}


def test_the_diagram_shows_each_move_once_with_its_steps() -> None:
    head, *rows = mermaid().splitlines()
    assert (head, len(rows)) == ("stateDiagram-v2", len(MOVES))
    assert "  processing --> delayed : retry · snooze" in rows
    assert "  [*] --> waiting : enqueue · fire" in rows
