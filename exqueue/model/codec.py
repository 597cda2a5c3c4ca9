"""The border between a job's arguments and bytes. The only module that unpickles; only a worker process calls `load`."""

from __future__ import annotations

import importlib
import io
import json
import pickle
import sys
from typing import Any, Final

import cloudpickle

from exqueue.model.envelope import Envelope
from exqueue.model.errors import CannotLoad, EncodeError, ResultUnavailable
from exqueue.model.job import NO_JOB, Claim, Header
from exqueue.model.options import Call
from exqueue.model.redact import NOTHING, Redact
from exqueue.model.secret import MENTION, bare
from exqueue.model.text import message_of, one_line, summary
from exqueue.model.worker import Worker, is_importable, path_of, positional_names

REFERENCE: Final = b"\x01"  # (args, kwargs); the worker is found by its name in the header
VALUE: Final = b"\x02"  # (worker, args, kwargs); the worker travels along
_SIMPLE: Final = frozenset({type(None), bool, int, float, str, bytes})
_MADE_BY_VALUE: Final = b"cloudpickle.cloudpickle"  # in any pickle that carries code
_AS_JSON: Final = b"\x11"
_AS_PICKLE: Final = b"\x12"
_NOT_KEPT: Final = b"\x13"  # and why
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


def encode(worker: type[Any], call: Call, now_ms: int, max_body: int, redact: Redact = NOTHING) -> tuple[Header, bytes]:
    """Header and body of a job. `max_body`: bytes. `redact`: which arguments the header does not show.

    Raises:
        EncodeError: something cannot be pickled, or the pickle is larger than `max_body`.
    """
    by_value = not is_importable(worker)
    content = (worker, call.args, call.kwargs) if by_value else (call.args, call.kwargs)
    try:
        simple = not by_value and _SIMPLE.issuperset(map(type, call.args)) and _SIMPLE.issuperset(map(type, call.kwargs.values()))
        dumps = pickle.dumps if simple else cloudpickle.dumps  # which makes a class of its own each time
        body = (VALUE if by_value else REFERENCE) + dumps(content, protocol=5)
    except Exception as error:
        reason = one_line(message_of(error))
        raise EncodeError(
            f"cannot pickle the arguments of {worker.__name__}: {type(error).__name__}: {reason}; "
            "pass what can be pickled, for example an id or a path instead of a connection or a file"
        ) from error
    if len(body) > max_body:
        raise EncodeError(
            f"the arguments of {worker.__name__} are {len(body):,} bytes pickled, more than max_body = {max_body:,}; "
            "pass a path or a key instead, or raise EXQUEUE_MAX_BODY"
        )
    header = Header(
        worker=path_of(worker),
        at=now_ms,
        args=summary(
            call.args,
            call.kwargs,
            names=positional_names(worker),  # type: ignore[arg-type]
            redact=redact,
        ),
        by="value" if by_value or _MADE_BY_VALUE in body else "",
        python=PYTHON,
        cloudpickle="" if simple else cloudpickle.__version__,
        size=len(body),
    )
    return header, body


def encode_by_name(worker: str, now_ms: int) -> tuple[Header, bytes]:
    """Header and body of a job without arguments, for whoever knows no more of its worker than `module:Class`."""
    body = REFERENCE + pickle.dumps(((), {}), protocol=5)
    return Header(worker, now_ms, summary((), {}), "", PYTHON, "", len(body)), body


def load(claim: Claim, known: dict[str, type[Worker]], envelope: Envelope, heard: list[object]) -> tuple[type[Worker], Call]:
    """What a worker process was handed, as a call. Of a body that cannot be trusted nothing is unpickled, and nothing imported.

    `heard`: what its `secret(...)` arguments are is added here. Errors: see `decode`; also `Untrusted`.
    """
    _check_whole(claim.header, claim.body)
    body = envelope.open(claim.queue, claim.id, claim.terms, claim.header, claim.body)
    return decode(claim.header, body, known, heard)


def decode(header: Header, body: bytes, known: dict[str, type[Worker]], heard: list[object] | None = None) -> tuple[type[Worker], Call]:
    """Unpickle a job: runs code of whoever wrote it. `known`: worker types that are loaded already, by name. `heard`: see `load`.

    Raises:
        CannotLoad: with a reason and what to do; the job itself is intact.
    """
    _check_whole(header, body)
    if body[:1] not in (REFERENCE, VALUE):
        raise CannotLoad("no_body", "the job has a body in an unknown format; delete it, or enqueue it again")
    if (body[:1] == VALUE or header.by == "value") and header.python != PYTHON:
        raise CannotLoad(
            "incompatible", f"its code was pickled by Python {header.python}, this is {PYTHON}; run it there, or enqueue it again"
        )
    worker = find_worker(header.worker, known) if body[:1] == REFERENCE else None
    content = _unpickle(header, body, [] if heard is None else heard)
    if worker is None:
        worker, content = content[0], content[1:]
        if not (isinstance(worker, type) and issubclass(worker, Worker)):
            raise CannotLoad("bad_body", "what travels in its body is not a worker; delete it, or enqueue it again")
    return worker, Call(*content)


def _check_whole(header: Header, body: bytes) -> None:
    if header.problem == NO_JOB:
        raise CannotLoad("no_body", f"the job cannot be run: {header.problem}; delete it, or enqueue it again")
    if header.problem:
        raise CannotLoad("bad_header", f"the job cannot be run: {header.problem}; delete it, and enqueue it again")
    if not body:
        raise CannotLoad("no_body", "the job has no body; delete it, or enqueue it again")


class _Listening(pickle.Unpickler):
    """Takes note of secrets as they are made."""

    def __init__(self, pickled: memoryview, heard: list[object]) -> None:
        super().__init__(io.BytesIO(pickled))
        self._heard = heard

    def find_class(self, module: str, name: str) -> Any:
        """The class or function of that name; ours in the place of `bare`."""
        return self._bare if (module, name) == (bare.__module__, bare.__name__) else super().find_class(module, name)

    def _bare(self, value: object) -> object:
        self._heard.append(value)
        return value


def _unpickle(header: Header, body: bytes, heard: list[object]) -> tuple[Any, ...]:
    parts = 2 if body[:1] == REFERENCE else 3
    pickled = memoryview(body)[1:]
    try:
        content = _Listening(pickled, heard).load() if MENTION in body else pickle.loads(pickled)  # noqa: S301 (the one place)
    except (Exception, SystemExit) as error:
        raise CannotLoad(
            "bad_body", f"its arguments cannot be unpickled: {type(error).__name__}: {one_line(message_of(error))}; "
            f"written by Python {header.python}{f', cloudpickle {version}' if (version := header.cloudpickle) else ''}; "
            "deploy what is missing, then requeue it"
        ) from error  # fmt: skip
    fits = isinstance(content, tuple) and len(content) == parts
    if not (fits and type(content[-2]) is tuple and type(content[-1]) is dict and all(type(name) is str for name in content[-1])):
        raise CannotLoad("bad_body", "its body holds something else than a call; delete it, or enqueue it again")
    return tuple(content)


def find_worker(name: str, known: dict[str, type[Worker]]) -> type[Worker]:
    """The worker type of that name, imported if need be.

    Raises:
        CannotLoad: reason `no_worker`.
    """
    if name in known:
        return known[name]
    module, _, qualname = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise CannotLoad(
            "no_worker", f"worker {one_line(name)!r} cannot be imported: {type(error).__name__}: {one_line(message_of(error))}; "
            "deploy it, then requeue the job"
        ) from error  # fmt: skip
    if not (isinstance(found, type) and issubclass(found, Worker)):
        raise CannotLoad("no_worker", f"{one_line(name)!r} is not a worker (any more); deploy it, then requeue the job")
    known[name] = found
    return found


def encode_result(value: object, most: int) -> bytes:
    """What `perform` returned, for whoever asks: plain data as JSON, else pickled. Never raises: the job has succeeded.

    `most`: bytes. A result that cannot be pickled or is larger is not kept; whoever asks is told why.
    """
    try:
        raw = _AS_JSON + json.dumps(value).encode() if _is_plain(value) else _AS_PICKLE + cloudpickle.dumps(value, protocol=5)
    except Exception as error:  # noqa: BLE001 (the user's __reduce__ can do anything)
        return _NOT_KEPT + f"it cannot be pickled: {type(error).__name__}: {one_line(message_of(error))}".encode()
    return raw if len(raw) <= most else _NOT_KEPT + f"it is {len(raw):,} bytes, more than max_body = {most:,}".encode()


def decode_result(job_id: str, raw: bytes) -> Any:
    """The reverse; a result that is no plain data is unpickled here, so its worker's code must be trusted.

    Raises:
        ResultUnavailable: it was not kept, or cannot be unpickled here.
    """
    kind, content = raw[:1], raw[1:]
    if kind == _NOT_KEPT:
        raise ResultUnavailable(job_id, one_line(content.decode("utf-8", "replace")))
    try:
        if kind == _AS_JSON:
            return json.loads(content)
        if kind == _AS_PICKLE:
            return pickle.loads(content)  # noqa: S301 (asked for by the caller, for this one job)
    except Exception as error:
        raise ResultUnavailable(job_id, f"it cannot be read: {type(error).__name__}: {one_line(message_of(error))}") from error
    raise ResultUnavailable(job_id, "it is in an unknown format")


def result_in_words(raw: bytes) -> str:
    """A kept result for a person who looks: JSON as it is, of a pickle only that it is one. Unpickles nothing."""
    if raw[:1] == _AS_PICKLE:
        return f"<{len(raw):,} bytes, pickled>"
    return one_line(raw[1:].decode("utf-8", "replace"))


def _is_plain(value: object, depth: int = 20) -> bool:
    """Whether JSON gives back the very same: no tuples, no keys but text, no infinities."""
    kind = type(value)
    if kind is list:
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)  # type: ignore[attr-defined]
    if kind is dict:
        return depth > 0 and all(type(key) is str and _is_plain(item, depth - 1) for key, item in value.items())  # type: ignore[attr-defined]
    return value is None or kind in (bool, int, str) or (kind is float and value == value and abs(value) != float("inf"))  # type: ignore[arg-type]  # noqa: PLR0124
