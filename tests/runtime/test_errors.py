"""What is stored of an error is bounded and hides what is secret, whatever was raised."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exqueue.model.codec import encode
from exqueue.model.job import Claim, Header, Run
from exqueue.model.options import call
from exqueue.model.redact import DEFAULT, Redact
from exqueue.runtime.errors import MESSAGE_LIMIT, TRACEBACK_LIMIT, Errors
from tests.client.workers import Send

CLAIM = Claim("a", "q", "s/1", Run(1), Header(), b"")
LONGEST = TRACEBACK_LIMIT + 100  # with the line that says how much was left out


def raised(make: Callable[[], BaseException]) -> BaseException:
    try:
        raise make()
    except BaseException as error:
        return error


def chained() -> BaseException:
    error: BaseException = ValueError("x" * 100)
    for _ in range(300):
        later = ValueError("y" * 100)
        later.__cause__ = error
        error = later
    return error


def noted() -> BaseException:
    error = ValueError("look")
    for _ in range(1000):
        error.add_note("password=hunter2 " + "z" * 100)
    return error


class Named(Exception):
    pass


Named.__qualname__ = "N" * 5000
ERRORS: dict[str, Callable[[], BaseException]] = {
    "long": lambda: ValueError("x" * 5_000_000),
    "many lines": lambda: ValueError("x\n" * 1_000_000),
    "group": lambda: BaseExceptionGroup("group", [ValueError("x" * 1000) for _ in range(1000)]),
    "chain": chained,
    "notes": noted,
    "name": lambda: Named("n"),
    "surrogates": lambda: ValueError("\ud800" * 100_000),
    "brackets": lambda: ValueError("password=" + "(" * 3_000_000),
}


@pytest.mark.parametrize("make", ERRORS.values(), ids=ERRORS)
def test_an_error_is_bounded_whatever_was_raised(make: Callable[[], BaseException]) -> None:
    found = Errors(CLAIM, Redact.parse(DEFAULT), ()).error("error", raised(make))
    assert (len(found.message) <= MESSAGE_LIMIT, len(found.traceback) <= LONGEST, len(found.type) <= 200) == (True, True, True)
    assert len(found.encode()) < 10 * LONGEST


def test_a_message_of_our_own_is_bounded_too() -> None:
    found = Errors(CLAIM, Redact(), ()).not_loaded("bad_body", "m" * 10_000, raised(lambda: ValueError("v")))
    assert (len(found.message), found.type) == (MESSAGE_LIMIT, "CannotLoad")


@pytest.mark.parametrize("before", [0, 490, 990, 3_995, 499_990])
def test_a_secret_at_the_edge_of_what_is_kept_shows_no_part_of_itself(before: int) -> None:
    errors = Errors(CLAIM, Redact.parse(DEFAULT), ())
    errors.heard.append("open-sesame-open")
    text = "." * before + "open-sesame-open password=hunter2hunter2 " + "." * 1_000_000
    found = errors.error("error", raised(lambda: ValueError(text)))
    assert [word for word in ("sesame", "open-", "hunter") if word in found.message + found.traceback] == []


def test_what_is_heard_later_is_hidden_from_then_on() -> None:
    errors = Errors(CLAIM, Redact(), ())
    error = raised(lambda: ValueError("no s3same here"))
    before = errors.error("error", error).message
    errors.heard.append("s3same")
    assert (before, errors.error("error", error).message) == ("no s3same here", "no *** here")


def test_the_summary_of_any_call_is_bounded() -> None:
    calls = [call("x" * 10**6), call(*range(1000)), call(**{f"n{n}": "y" * 100 for n in range(1000)}), call(["z" * 1000] * 1000)]
    calls += [
        call(**{"k" * 10_000: 1}),
        call({("t" * 1000,) * 50: {"d" * 1000: 1}}),
        call(10**10_000, 1j, b"\x00" * 10_000),
    ]
    assert max(len(encode(Send, one, 5, 10**8)[0].args) for one in calls) <= 200
