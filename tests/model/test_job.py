"""What is kept beside a job is written and read again as it was."""

from __future__ import annotations

import pytest

from exqueue.model.errors import BadArguments, ExqueueError, JobNotFound, NotPossible, StoreUnavailable, TargetError
from exqueue.model.job import Counts, ErrorInfo, Header, Run

HEADER = Header("app:Add", 5, "1, b='\x1b\ud800'", "reference", "3.11", "3.1", 40)
ERROR = ErrorInfo("error", "ValueError", "a\nb\ud800", "Traceback\n…", 3, 1_700_000_000_000, "host/12")


def test_a_header_is_read_as_it_was_written() -> None:
    assert Header.decode(HEADER.encode()) == HEADER


def test_an_error_is_one_line_and_read_as_it_was_written() -> None:
    assert (ErrorInfo.decode(ERROR.encode()), b"\n" in ERROR.encode()) == (ERROR, False)


@pytest.mark.parametrize(
    ("raw", "run"),
    [(b"3 2 1 99 s/7", Run(3, 2, 1, 99, "s/7")), (b"3 2 1 99 -", Run(3, 2, 1, 99, "")), (b"0 0 0 0 a b", Run(token="a b")), (None, Run())],
)
def test_a_run_is_read_as_it_was_written(raw: bytes | None, run: Run) -> None:
    assert Run.decode(raw) == run


@pytest.mark.parametrize(("token", "slot"), [("s/7", "s"), ("host/s/7", "host/s"), ("", "")])
def test_a_token_tells_its_slot(token: str, slot: str) -> None:
    assert Run(token=token).slot == slot


def test_counts_add_up() -> None:
    counts = Counts(pending=1, delayed=2, processing=3, failed=4, enqueued=21, completed=5, deleted=6)
    assert (counts.present, counts.unfinished, counts.adds_up, Counts(enqueued=1).adds_up) == (10, 6, True, False)


def test_errors_carry_what_was_wrong() -> None:
    bad = BadArguments("Add", "(a)", "missing 'a'", "a")
    impossible = NotPossible("x1", "pending", "requeue", "wait")
    assert (str(bad), bad.parameter, str(impossible), impossible.place) == (
        "Add.perform(a): missing 'a'", "a", "cannot requeue job x1: it is pending; wait", "pending",
    )  # fmt: skip
    assert (TargetError("app", "no").target, JobNotFound("x1").job_id, StoreUnavailable("gone").uncertain) == ("app", "x1", False)


def test_there_is_one_tree_of_errors() -> None:
    assert all(issubclass(kind, ExqueueError) for kind in (BadArguments, NotPossible, StoreUnavailable, TargetError, JobNotFound))
