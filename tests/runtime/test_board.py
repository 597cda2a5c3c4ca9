"""The board: what one process writes another one reads, each in a cell of its own, and nothing is paid for cells nobody uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from exqueue.model.worker import WorkerSpec
from exqueue.runtime import crew as crew_module
from exqueue.runtime.board import CELLS, Board, Cell, Limited, number_of
from exqueue.runtime.crew import Crew

JOB = Limited(7, 123.5, 60.0, -1.0)


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board.create()
    yield board
    board.close()


def resident() -> int:
    """Bytes of shared memory this process has touched."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssShmem"))
    return int(line.split()[1]) * 1024


def test_what_a_forked_process_writes_is_read_by_whoever_has_made_the_board(board: Board) -> None:
    child = os.fork()
    if child == 0:
        board.cell(3).limit(JOB)
        os._exit(0)
    os.waitpid(child, 0)
    assert [board.cell(index).limited() for index in (2, 3, 4)] == [None, JOB, None]


def test_a_started_process_finds_it_by_its_descriptor(board: Board) -> None:
    other = Board(os.dup(board.fd))
    other.close()  # it stays mapped
    board.cell(CELLS - 1).stop(7)
    other.cell(CELLS - 1).attach(-42)
    assert (other.cell(CELLS - 1).is_stopped(7), board.cell(CELLS - 1).attached) == (True, -42)


def test_no_memory_is_spent_on_cells_that_nobody_uses() -> None:
    before = resident()
    Board.create().cell(0).limit(JOB)
    assert resident() - before <= 8192


def test_a_job_without_a_limit_is_none() -> None:
    cell = Cell.alone()
    cell.limit(JOB)
    cell.lift()
    assert cell.limited() is None


def test_a_word_of_the_runner_is_for_one_job_only() -> None:
    cell = Cell.alone()
    cell.stop(7)
    cell.urge(8)
    assert [(cell.is_stopped(number), cell.is_urged(number)) for number in (7, 8, 9, 0)] == [
        (True, False), (False, True), (False, False), (False, False),
    ]  # fmt: skip


def test_a_new_process_finds_its_cell_empty() -> None:
    cell = Cell.alone()
    for write in (lambda: cell.limit(JOB), lambda: cell.attach(5), lambda: cell.stop(7), lambda: cell.urge(7)):
        write()
    cell.clear()
    assert (cell.limited(), cell.attached, cell.is_stopped(7), cell.is_urged(7)) == (None, 0, False, False)


@pytest.mark.parametrize(
    ("token", "number"),
    [("r.1/17", 17), ("a/b/5", 5), ("r.1/", 0), ("r.1/x", 0), ("", 0), ("17", 17), ("r/-1", 0), ("r/٣", 0), ("r/" + "9" * 30, 0)],
)
def test_the_number_of_a_claim_is_the_end_of_its_token(token: str, number: int) -> None:
    assert number_of(token) == number


def test_each_process_has_a_cell_of_its_own_and_one_that_became_free_is_taken_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "CELLS", 5)
    crew = Crew((WorkerSpec("jobs:Three", "Three", 3, 3),), "r")
    first = crew.missing(0)
    for child in first[:2]:
        crew.ended(child, orderly=True, now=1)
    second = crew.missing(1)
    crew.ended(second[0], orderly=True, now=2)
    assert [[child.cell for child in made] for made in (first, second, crew.missing(2))] == [[0, 1, 2], [3, 4], [0]]


def test_no_more_processes_are_made_than_there_are_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "CELLS", 5)
    crew = Crew((WorkerSpec("jobs:Many", "Many", 9, 3),), "r")
    assert ([child.cell for child in crew.missing(0)], crew.missing(0)) == ([0, 1, 2, 3, 4], [])


def test_a_claim_that_is_expected_has_not_begun_and_is_unheard_of_until_it_is_read() -> None:
    cell = Cell.alone()
    cell.begin(4)
    seen = [(cell.begun, cell.unheard)]
    for tell in (lambda: cell.expect(6), cell.hear, lambda: cell.begin(6)):
        tell()
        seen.append((cell.begun, cell.unheard))
    assert seen == [(4, 0), (5, 6), (5, 0), (6, 0)]
