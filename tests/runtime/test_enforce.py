"""When the runner insists that a job stops: SIGTERM, then SIGKILL, and only while that very job runs. No processes, no clock."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from exqueue.model.worker import WorkerSpec
from exqueue.runtime.board import Board, Cell, Limited
from exqueue.runtime.crew import Child
from exqueue.runtime.enforce import Enforcer

KILL_AFTER = 10.0
ALRM, TERM, KILL = signal.SIGALRM, signal.SIGTERM, signal.SIGKILL


class Staff:
    """One worker process, and the signals it was sent."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.sent: list[signal.Signals] = []

    def living(self) -> list[Child]:
        return [] if self.child.killed else [self.child]

    def signal(self, child: Child, number: signal.Signals) -> None:
        self.sent.append(number)

    def kill(self, slots: list[str]) -> None:
        assert slots == [self.child.slot]
        self.child.killed = True
        self.sent.append(KILL)


class Bench:
    def __init__(self, board: Board) -> None:
        self.staff = Staff(Child("r.1", WorkerSpec("jobs:Job", "Job", 1, 3), 0.0, cell=4, pid=1, start=1))
        self.enforcer = Enforcer(self.staff, board, KILL_AFTER)  # type: ignore[arg-type]
        self.cell: Cell = board.cell(4)

    def begins(self, number: int, deadline: float) -> None:
        self.cell.limit(Limited(number, deadline, 5.0, 1.0))

    def looks(self, *times: float) -> list[signal.Signals]:
        for now in times:
            self.enforcer.look(now)
        return self.staff.sent

    def hears(self, token: str, *times: float) -> list[signal.Signals]:
        for now in times:
            self.enforcer.stop({token} if token else set(), now)
        return self.staff.sent


@pytest.fixture
def bench() -> Iterator[Bench]:
    board = Board.create()
    yield Bench(board)
    board.close()


@pytest.mark.parametrize(
    ("times", "sent"),
    [((99,), []), ((100, 104.9), []), ((105, 106, 109.9), [TERM]), ((105, 110), [TERM, KILL]), ((105, 110, 111), [TERM, KILL])],
)
def test_a_job_has_half_the_time_until_it_is_told_again_and_all_of_it_until_it_is_killed(
    bench: Bench, times: tuple[float, ...], sent: list[signal.Signals]
) -> None:
    bench.begins(7, deadline=100)
    assert (bench.looks(*times), bench.cell.is_urged(7)) == (sent, bool(sent))


def test_no_process_is_killed_for_what_was_seen_only_once(bench: Bench) -> None:
    bench.begins(7, deadline=100)
    assert bench.looks(500) == [TERM]


def test_a_job_that_ends_is_left_alone_and_so_is_the_next_one(bench: Bench) -> None:
    bench.begins(7, deadline=100)
    bench.looks(105)
    bench.cell.lift()
    bench.looks(110)
    bench.begins(8, deadline=200)
    assert bench.looks(120, 204) == [TERM]


def test_the_job_after_one_that_was_told_again_is_told_again_itself_before_it_is_killed(bench: Bench) -> None:
    bench.begins(7, deadline=100)
    bench.looks(105)
    bench.begins(8, deadline=200)
    assert bench.looks(300, 300.25) == [TERM, TERM, KILL]


def test_what_a_person_wants_is_said_once_then_told_again_then_enforced(bench: Bench) -> None:
    assert bench.hears("r.1/7", 100, 101, 104.9) == [ALRM]
    assert (bench.cell.is_stopped(7), bench.hears("r.1/7", 105, 106, 110)) == (True, [ALRM, TERM, KILL])


def test_a_wish_that_is_fulfilled_is_forgotten(bench: Bench) -> None:
    bench.hears("r.1/7", 100)
    assert bench.hears("", 200) == [ALRM]
    assert bench.hears("r.1/8", 201, 202) == [ALRM, ALRM]  # another job, another person


@pytest.mark.parametrize("token", ["r.2/7", "r.1/", "r.1/x", "-", "r.1", "\x00"])
def test_a_wish_for_the_job_of_somebody_else_is_not_ours(bench: Bench, token: str) -> None:
    assert bench.hears(token, 100, 200, 300) == []


def test_a_job_that_waits_in_a_batch_is_marked_and_the_one_that_runs_is_left_alone(bench: Bench) -> None:
    bench.cell.begin(7)
    assert (bench.hears("r.1/9", 100, 200, 300), bench.cell.is_stopped(9)) == ([], True)
    bench.cell.begin(9)
    assert bench.hears("r.1/9", 300, 301, 305) == [ALRM, TERM]


def test_a_job_of_which_its_process_has_not_heard_is_insisted_on(bench: Bench) -> None:
    bench.cell.expect(9)
    assert bench.hears("r.1/9", 100, 200, 300) == [ALRM, TERM, KILL]


def test_of_several_that_shall_stop_the_one_that_runs_is_the_first_and_then_the_next_that_waits(bench: Bench) -> None:
    wanted = {"r.1/7", "r.1/8", "r.1/9", "r.1/5"}
    stopped = []
    for begun in (6, 7, 8):
        bench.cell.begin(begun)
        bench.enforcer.stop(wanted, begun)
        stopped.append([number for number in range(10) if bench.cell.is_stopped(number)])
    assert (stopped, bench.staff.sent) == ([[7], [7], [8]], [ALRM, ALRM])
