"""A call becomes bytes and a call again; what cannot be is said before anything is written, or when it is loaded."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import cloudpickle
import pytest

from exqueue.model.codec import PYTHON, REFERENCE, VALUE, decode, encode, encode_by_name, find_worker
from exqueue.model.errors import CannotLoad, EncodeError
from exqueue.model.job import Header
from exqueue.model.options import Call, call
from exqueue.model.worker import Worker, is_importable, path_of
from tests.model.workers import Add, Daily, Outer

MAIN = """
from exqueue.model.worker import Worker
SHIFT = 10
def shifted(number): return number + SHIFT
class InMain(Worker):
    max_retries = 7
    def perform(self, number): return shifted(number)
"""


class Unwilling:
    """Cannot be pickled, and says so in an unusual way."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> NoReturn:
        raise self.error


class Mute(Exception):
    def __str__(self) -> NoReturn:
        raise RuntimeError("no message either")


def closed_over(number: int) -> type[Worker]:
    """A worker that only this call knows."""

    class Local(Worker):
        def perform(self, other: int) -> int:
            return number + other

    return Local


def in_main() -> type[Worker]:
    """A worker such as a script or a notebook defines."""
    module = ModuleType("__main__")
    exec(MAIN, module.__dict__)
    found: type[Worker] = module.__dict__["InMain"]
    return found


def round_trip(worker: type[Any], given: Call) -> tuple[type[Worker], Call]:
    header, body = encode(worker, given, 5, 10**6)
    return decode(Header.decode(header.encode()), body, {})


def not_loaded(header: Header, body: bytes) -> tuple[str, str]:
    """Why a job cannot be loaded: reason and message."""
    with pytest.raises(CannotLoad) as caught:
        decode(header, body, {})
    return caught.value.reason, str(caught.value)


@pytest.mark.parametrize(
    "given",
    [call(), call(1, b=2), call("x", b=[1, {2: (3,)}], c=datetime(2020, 1, 2)), call(b"\x00" * 1_000, None, Path("/x")), call(a=Add)],  # noqa: DTZ001
    ids=["nothing", "numbers", "plain", "bytes", "class"],
)
def test_arguments_come_back_as_they_were(given: Call) -> None:
    assert round_trip(Add, given) == (Add, given)


def test_a_worker_that_can_be_imported_goes_by_its_name() -> None:
    header, body = encode(Outer.Inner, call(1, b=2), 5, 100)
    assert (header.worker, header.by, header.at, header.args, header.python, header.size, body[:1]) == (
        "tests.model.workers:Outer.Inner", "", 5, "1, b=2", PYTHON, len(body), REFERENCE,
    )  # fmt: skip


def test_a_small_call_makes_a_small_job() -> None:
    header, body = encode(Outer.Inner, call("customer-12345", full=True), 1_763_882_000_123, 10**6)
    assert (len(header.encode()) - len("tests.model.workers:Outer.Inner"), len(body)) == (91, 45)


@pytest.mark.parametrize(("given", "version"), [(call(1), ""), (call([1]), cloudpickle.__version__)], ids=["scalars", "more"])
def test_the_version_of_cloudpickle_is_told_where_it_was_needed(given: Call, version: str) -> None:
    header, body = encode(Add, given, 5, 10**6)
    needs = f"Python {PYTHON}{version and ', cloudpickle '}{version}; deploy"
    assert (header.cloudpickle, needs in not_loaded(header, body[:-2])[1]) == (version, True)


def test_a_job_made_by_the_name_of_its_worker_is_the_one_the_worker_would_have_made() -> None:
    by_name = encode_by_name(path_of(Daily), 5)
    assert (by_name[0], decode(*by_name, {})) == (encode(Daily, call(), 5, 100)[0], (Daily, call()))


@pytest.mark.parametrize(("make", "result"), [(lambda: closed_over(40), 42), (in_main, 12)], ids=["closure", "script"])
def test_a_worker_that_cannot_be_imported_travels_along(make: Callable[[], type[Any]], result: int) -> None:
    header, body = encode(make(), call(2), 5, 10**6)
    worker, given = decode(Header.decode(header.encode()), body, {})
    assert (header.by, body[:1], given, worker().perform(*given.args)) == ("value", VALUE, call(2), result)


def test_the_options_of_a_worker_travel_along() -> None:
    assert round_trip(in_main(), call(1))[0].max_retries == 7


def test_lambdas_and_local_functions_are_arguments_like_others() -> None:
    shift = 3
    _, given = round_trip(Add, call(lambda n: n + shift, b=closed_over))
    assert (given.args[0](4), given.kwargs["b"](1)().perform(2)) == (7, 3)


def test_arguments_that_carry_code_are_for_the_python_they_were_made_by() -> None:
    header, body = encode(Add, call(lambda n: n), 5, 10**6)
    assert (header.by, body[:1], not_loaded(replace(header, python="3.9"), body)[0]) == ("value", REFERENCE, "incompatible")


def test_arguments_without_code_are_for_any_python() -> None:
    header, body = encode(Add, call(1, "cloudpickle"), 5, 10**6)
    assert decode(replace(header, python="3.9"), body, {}) == (Add, call(1, "cloudpickle"))


def test_a_class_that_was_replaced_in_its_module_travels_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.model.workers.Add", Outer)
    assert (is_importable(Add), encode(Add, call(1), 5, 10**6)[0].by) == (False, "value")


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        (threading.Lock(), r"TypeError: cannot pickle '_thread.lock' object"),
        (Unwilling(ValueError("a\nb\x1b[2J")), r"ValueError: a b\\x1b\[2J"),
        (Unwilling(Mute()), r"Mute: \(its message cannot be shown"),
        (Unwilling(RecursionError()), "PicklingError: .* recursion"),
        (sys._getframe(), "TypeError"),
    ],
    ids=["lock", "raises", "mute", "recursion", "frame"],
)
def test_what_cannot_be_pickled_is_refused_on_one_line(argument: object, reason: str) -> None:
    with pytest.raises(EncodeError, match=rf"^cannot pickle the arguments of Add: {reason}[^\n]*; pass what can be pickled"):
        encode(Add, call(argument), 5, 10**6)


def test_a_nest_too_deep_to_pickle_is_refused() -> None:
    nest: list[Any] = []
    for _ in range(100_000):
        nest = [nest]
    with pytest.raises(EncodeError, match="recursion"):
        encode(Add, call(nest), 5, 10**9)


def test_what_is_larger_than_the_limit_is_refused() -> None:
    _, body = encode(Add, call("x" * 1_000), 5, 10**6)
    assert len(encode(Add, call("x" * 1_000), 5, len(body))[1]) == len(body)
    with pytest.raises(
        EncodeError, match=rf"^the arguments of Add are {len(body):,} bytes pickled, more than max_body = 1,000; pass a path"
    ):
        encode(Add, call("x" * 1_000), 5, 1_000)


def test_an_interrupt_while_pickling_is_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        encode(Add, call(Unwilling(KeyboardInterrupt())), 5, 10**6)


HEADER, BODY = encode(Add, call(1, b="two"), 5, 10**6)
LOCAL_HEADER, LOCAL_BODY = encode(closed_over(1), call(1), 5, 10**6)


def named(worker: str) -> Header:
    return replace(HEADER, worker=worker)


@pytest.mark.parametrize(
    ("header", "body", "reason", "message"),
    [
        (Header.decode(b"{"), BODY, "bad_header", "its header cannot be read: it is not JSON; delete it"),
        (Header.decode(None), BODY, "bad_header", "its header cannot be read: there is none"),
        (Header.decode(b'{"adopted":true}'), b"", "no_body", "there is no such job"),
        (HEADER, b"", "no_body", "the job has no body"),
        (HEADER, b"\x07" + BODY[1:], "no_body", "a body in an unknown format"),
        (replace(LOCAL_HEADER, python="3.9"), LOCAL_BODY, "incompatible", f"pickled by Python 3.9, this is {PYTHON}"),
        (named("tests.model.nowhere:Add"), BODY, "no_worker", "cannot be imported: ModuleNotFoundError"),
        (named("tests.model.workers:Nowhere"), BODY, "no_worker", "cannot be imported: AttributeError"),
        (named("tests.model.workers:NotAWorker"), BODY, "no_worker", "is not a worker"),
        (named("tests.model.workers:number"), BODY, "no_worker", "is not a worker"),
        (named("os:system"), BODY, "no_worker", "is not a worker"),
        (named(""), BODY, "no_worker", "cannot be imported"),
        (named(":"), BODY, "no_worker", "cannot be imported"),
        (named("..a\x00b:\ud800\x1b[2J"), BODY, "no_worker", "cannot be imported"),
        (HEADER, BODY[:-2], "bad_body", "cannot be unpickled"),
        (HEADER, BODY[:1], "bad_body", "EOFError"),
        (HEADER, REFERENCE + pickle.dumps(42), "bad_body", "something else than a call"),
        (HEADER, REFERENCE + pickle.dumps((1, 2)), "bad_body", "something else than a call"),
        (HEADER, REFERENCE + pickle.dumps(((), {}, ())), "bad_body", "something else than a call"),
        (HEADER, REFERENCE + pickle.dumps(([], {})), "bad_body", "something else than a call"),
        (HEADER, REFERENCE + LOCAL_BODY[1:], "bad_body", "something else than a call"),
        (LOCAL_HEADER, VALUE + BODY[1:], "bad_body", "something else than a call"),
    ],
)
def test_why_a_job_cannot_be_loaded(header: Header, body: bytes, reason: str, message: str) -> None:
    found, said = not_loaded(header, body)
    assert (found, message in said, said.isprintable()) == (reason, True, True)


@pytest.mark.parametrize("content", [(42, (), {}), ("tests.model.workers:Add", (), {}), (int, (), {}), (None, (), {})], ids=repr)
def test_a_body_whose_worker_is_none_is_not_loaded(content: tuple[Any, ...]) -> None:
    assert not_loaded(LOCAL_HEADER, VALUE + pickle.dumps(content))[0] in {"bad_body", "no_worker"}


@pytest.mark.parametrize("content", [((), {1: 2}), ((), {None: 2})], ids=repr)
def test_keywords_that_are_no_names_are_not_loaded(content: tuple[Any, ...]) -> None:
    assert not_loaded(HEADER, REFERENCE + pickle.dumps(content))[0] == "bad_body"


class Explosive:
    """Unpickled, it raises."""

    def __init__(self, how: Callable[..., object], *args: object) -> None:
        self.how, self.args = how, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.how, self.args


@pytest.mark.parametrize("how", [(int, "x"), (sys.exit, 3), (eval, "1/0"), (os.listdir, "/nowhere"), (open, "\x00")], ids=repr)
def test_whatever_unpickling_raises_the_job_is_intact(how: tuple[Any, ...]) -> None:
    body = REFERENCE + pickle.dumps(((Explosive(*how),), {}))
    assert not_loaded(HEADER, body)[0] == "bad_body"


@pytest.mark.parametrize("source", ["1/0", "raise SystemExit(3)", "import nowhere_at_all", "syntax error"])
def test_whatever_importing_a_worker_raises_the_job_is_intact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    (tmp_path / "broken_module.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    assert not_loaded(named("broken_module:Add"), BODY)[0] == "no_worker"


def test_a_worker_is_imported_once() -> None:
    known: dict[str, type[Worker]] = {}
    assert (find_worker("tests.model.workers:Add", known), known) == (Add, {"tests.model.workers:Add": Add})


def test_a_worker_that_is_loaded_already_is_taken_as_it_is() -> None:
    assert decode(named("gone:Add"), BODY, {"gone:Add": Add})[0] is Add
