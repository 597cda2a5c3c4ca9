"""What is kept beside a job is written and read again as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exqueue.model.errors import BadArguments, ExqueueError, JobNotFound, NotPossible, StoreUnavailable, TargetError
from exqueue.model.job import SERIAL, Counts, ErrorInfo, Header, Progress, Run, Terms

HEADER = Header("app:Add", 5, "1, b='\x1b\ud800'", "reference", "3.11", "3.1", 40)
ERROR = ErrorInfo("error", "ValueError", "a\nb\ud800", "Traceback\n…", 3, 1_700_000_000_000, "host/12")


def test_a_header_is_read_as_it_was_written() -> None:
    assert Header.decode(HEADER.encode()) == HEADER


@pytest.mark.parametrize("given", [replace(HEADER, by="", cloudpickle=""), Header("app:Add", 5, "1", size=40)], ids=["plain", "bare"])
def test_what_is_empty_takes_no_place_in_a_header(given: Header) -> None:
    assert (Header.decode(given.encode()), b'""' in given.encode(), b"null" in given.encode()) == (given, False, False)


def test_an_error_is_one_line_and_read_as_it_was_written() -> None:
    assert (ErrorInfo.decode(ERROR.encode()), b"\n" in ERROR.encode()) == (ERROR, False)


@pytest.mark.parametrize(("timeout", "keep"), [(None, None), (0.5, None), (None, 0.0), (60.0, 3600.0)])
def test_what_replaces_the_options_of_the_worker_is_in_the_header(timeout: float | None, keep: float | None) -> None:
    header = replace(HEADER, timeout=timeout, keep=keep)
    assert (Header.decode(header.encode()), b"keep" in header.encode()) == (header, keep is not None)


@pytest.mark.parametrize("value", ["true", '"5"', "-1", "1e10", "1e999", "NaN", "[]", "null"])
def test_times_in_a_header_that_are_none_are_left_out(value: str) -> None:
    read = Header.decode(f'{{"worker":"a","timeout":{value},"keep":{value}}}'.encode())
    assert (read.timeout, read.keep, read.problem) == (None, None, "")


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (Terms(), ""), (Terms("k"), "k 0 0 - 0 0"), (Terms("k", 3, True, "u", 5, True), "k 3 1 u 5 1"),
        (Terms(priority=-7), "- -7 0 - 0 0"), (Terms(SERIAL, blocks=True), "* 0 1 - 0 0"),
        (Terms(unique="inv-42"), "- 0 0 inv-42 0 0"), (Terms("é-", unique="ü"), "é- 0 0 ü 0 0"),
    ],
)  # fmt: skip
def test_terms_are_six_words_and_read_as_they_were_written(terms: Terms, text: str) -> None:
    assert (terms.encode(), Terms.decode(text.encode())) == (text, terms)


@pytest.mark.parametrize(
    "raw",
    [None, b"", b"-", b"k", b"k 0 0 - 0", b"k 0 0 - 0 0 0", b"k x 0 - 0 0", b"k 0 0 - x 0", b"k 0 0 - -1 0", b"k --1 0 - 0 0",
     b"k 1.5 0 - 0 0", b"k " + b"9" * 30 + b" 0 - 0 0", "k ² 0 - 0 0".encode(), b"k 0 0 - " + b"9" * 5000 + b" 0"],
)  # fmt: skip
def test_what_is_not_terms_reads_as_those_of_a_plain_job(raw: bytes | None) -> None:
    assert Terms.decode(raw) == Terms()


@pytest.mark.parametrize("note", [Progress(), Progress(1.0, "page 10 of 10", 7), Progress(0.25, "a\nb\x1b[2J\ud800", 1_700_000_000_000)])
def test_progress_is_one_line_and_read_as_it_was_written(note: Progress) -> None:
    assert (Progress.decode(note.encode()), note.encode().decode("ascii").isprintable()) == (note, True)


@pytest.mark.parametrize(
    "raw",
    [None, b"", b"{", b"7", b"null", b"[]", b"[0.5]", b'[0.5,"x"]', b'[0.5,"x",1,2]', b'["0.5","x",1]', b'[0.5,7,1]', b'[0.5,"x",true]',
     b'[0.5,"x",1.5]', b'[1.5,"x",1]', b'[-0.1,"x",1]', b'[NaN,"x",1]', b'[Infinity,"x",1]', b"[" * 100_000, b"\xff"],
)  # fmt: skip
def test_what_is_not_progress_is_none(raw: bytes | None) -> None:
    assert Progress.decode(raw) is None


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
    counts = Counts(pending=1, delayed=2, waiting=7, processing=3, failed=4, done=8, enqueued=36, completed=5, deleted=6)
    assert (counts.present, counts.unfinished, counts.adds_up, Counts(enqueued=1).adds_up) == (25, 6, True, False)


def test_errors_carry_what_was_wrong() -> None:
    bad = BadArguments("Add", "(a)", "missing 'a'", "a")
    impossible = NotPossible("x1", "pending", "requeue", "wait")
    assert (str(bad), bad.parameter, str(impossible), impossible.place) == (
        "Add.perform(a): missing 'a'", "a", "cannot requeue job x1: it is pending; wait", "pending",
    )  # fmt: skip
    assert (TargetError("app", "no").target, JobNotFound("x1").job_id, StoreUnavailable("gone").uncertain) == ("app", "x1", False)


def test_there_is_one_tree_of_errors() -> None:
    assert all(issubclass(kind, ExqueueError) for kind in (BadArguments, NotPossible, StoreUnavailable, TargetError, JobNotFound))
