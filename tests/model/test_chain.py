"""A chain is written and read again as it was; what somebody else wrote is told from it."""

from __future__ import annotations

import json

import pytest

from exqueue.model.chain import Link, NewJob, decode_chain, encode_chain
from exqueue.model.errors import ChainUnreadable, JobError
from exqueue.model.job import Header

HEADER = Header("app:Add", 5, "1, b='\x1b\ud800'", "reference", "3.11", "3.1", 40)
LAST = Link("mail", "", NewJob("c", HEADER.encode(), b"\x01\x80"))
LINKS = [
    Link("é:{x}", "+60000", NewJob("a", HEADER.encode(), bytes(range(256)), "k 3 1 - 0 1", encode_chain([LAST]))),
    Link("mail", "1798804800000", NewJob("b", b"{}", b"")),
]
ROW = ["mail", "", "a", "{}", "", "", ""]
NO_TEXT: list[object] = [None, 7, [], "\ud800"]


def test_a_chain_is_read_as_it_was_written() -> None:
    assert decode_chain(encode_chain(LINKS)) == LINKS


def test_a_chain_in_a_chain_is_read_when_its_turn_comes() -> None:
    assert decode_chain(decode_chain(encode_chain(LINKS))[0].job.chain) == [LAST]


def test_nothing_that_follows_is_nothing() -> None:
    assert encode_chain([]) == b""


def test_a_chain_is_text_without_control_characters() -> None:
    assert encode_chain(LINKS).decode("ascii").isprintable()


@pytest.mark.parametrize("header", [HEADER, HEADER.encode()], ids=["header", "bytes"])
def test_a_header_is_written_the_same_before_and_after(header: Header | bytes) -> None:
    assert NewJob("a", header, b"").head == HEADER.encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"\xff", b"7", b"null", b'"text"', b"[7]", b"[[]]", b'["seven77"]', b"[" * 100_000, b'{"a":1}',
        *(json.dumps([ROW, [*ROW[:place], value, *ROW[place + 1 :]]]).encode() for place in range(7) for value in NO_TEXT),
        json.dumps([ROW, [*ROW[:4], "a", "", ""]]).encode(), json.dumps([ROW, ROW[:6]]).encode(), json.dumps([ROW, [*ROW, ""]]).encode(),
    ],
)  # fmt: skip
def test_what_is_no_chain_is_refused_as_a_whole(raw: bytes) -> None:
    with pytest.raises(ChainUnreadable, match="what was to follow the job cannot be read"):
        decode_chain(raw)
    assert issubclass(ChainUnreadable, JobError)
