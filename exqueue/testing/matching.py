"""Whether there are such jobs as a test wants: their options, and what they carry; and in words what there is instead."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from exqueue.app import Exqueue
from exqueue.client.jobs import Job
from exqueue.model.arguments import check_arguments
from exqueue.model.codec import decode
from exqueue.model.errors import CannotLoad, ConfigError, Untrusted
from exqueue.model.job import ErrorInfo, JobRecord
from exqueue.model.lifecycle import Place
from exqueue.model.options import Call, Configured, due_of, terms_of
from exqueue.model.text import duration, one_line, summary
from exqueue.model.worker import Worker, check_worker, path_of

ENQUEUED: Final = (Place.PENDING, Place.DELAYED, Place.WAITING)
SHOWN: Final = 20
APART: Final = 1000  # ms by which a due time may be off: the code under test may have looked at another clock
COMPARED: Final = ("key", "priority", "id", "unique", "queue", "delay", "at")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The jobs that are meant. `call`: None for any arguments."""

    options: Configured[Any]
    call: Call | None

    @staticmethod
    def of(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], **own: Any) -> Wanted:
        """From what a test says. `own`: its keywords that are not for `perform`.

        Raises:
            ConfigError, BadArguments: no such job could be enqueued, so that a claim about one is a mistake.
        """
        options = target if isinstance(target, Configured) else Configured(target)
        worker = check_worker(options.worker)
        name = worker.__name__
        if own.get("key") is not None:
            options = replace(options, key=own["key"])
        odd = next((field for field in _given(options) if field not in COMPARED), None)
        if odd:
            raise ConfigError(f"{odd} of a job is not compared; leave it out of {name}.options(...)")
        terms_of(options)
        whole = args[0] if len(args) == 1 and isinstance(args[0], Call) and not kwargs else None
        both = next((word for word, value in own.items() if value is not None and word in _parameters(worker)), None)
        if both and not whole:
            raise ConfigError(f"{name}.perform has a parameter {both!r}, too; give its arguments as one call(...)")
        call = whole or (Call(args, kwargs) if args or kwargs else None)
        if call is not None:
            check_arguments(worker, call.args, call.kwargs)
        return Wanted(options, call)

    @property
    def worker(self) -> type[Worker]:
        """The worker type."""
        return check_worker(self.options.worker)

    def agrees(self, record: JobRecord, now_ms: int) -> bool:
        """Whether a job is of this worker, and has the options that are given."""
        options, terms = self.options, record.terms
        pairs = ((options.key, terms.key), (options.priority, terms.priority), (options.id, record.id),
                 (options.unique, terms.unique), (options.queue, record.queue))  # fmt: skip
        due = due_of(options)
        in_time = not due or (record.place is Place.DELAYED and abs(_moment(due, now_ms) - record.when) <= APART)
        return record.header.worker == path_of(self.worker) and in_time and all(want in (None, found) for want, found in pairs)

    def fits(self, record: JobRecord, body: bytes) -> bool:
        """Whether its arguments are those wanted, as they come out of the pickle."""
        if self.call is None:
            return True
        try:
            worker, found = decode(record.header, body, {path_of(self.worker): self.worker})
            return _bound(self.worker, self.call) == _bound(worker, found)
        except (CannotLoad, TypeError):  # TypeError: enqueued by another version, whose perform took others
            return False

    def __str__(self) -> str:
        arguments = "" if self.call is None else f" with ({summary(self.call.args, self.call.kwargs)})"
        options = "".join(f", {field}={getattr(self.options, field)!r}" for field in _given(self.options))
        return f"{self.worker.__name__}{arguments}{options}"


def enqueued(app: Exqueue, wanted: Wanted, count: int | None) -> list[Job]:
    """The jobs that wait to run. Raises AssertionError unless there are so many, None: any."""
    __tracebackhide__ = True
    found = [record for place in ENQUEUED for record in _found(app, wanted, place)]
    return _counted(app, [_job(app, record) for record in found], count, f"of {wanted}", "enqueued")


def failed(app: Exqueue, wanted: Wanted, count: int | None, error: str | None) -> list[Job]:
    """The jobs that have failed for good, whose last error has this text in its type or message. As `enqueued`."""
    __tracebackhide__ = True
    found = [
        record for record in _found(app, wanted, Place.FAILED)
        if error is None or error in _said(app.reader.last_errors(record.queue, [record.id])[0])
    ]  # fmt: skip
    which = f"of {wanted}" + ("" if error is None else f" whose error has {error!r}")
    return _counted(app, [_job(app, record) for record in found], count, which, "in failed")


def overview(app: Exqueue) -> str:
    """All jobs there are, some lines of them."""
    lines = [f"  {one_line(name)} is paused" for name in app.reader.queues() if app.reader.counts(name).paused]
    places = (*ENQUEUED, Place.PROCESSING, Place.FAILED, Place.DONE)
    records = [record for place in places for queue in app.reader.queues() for record in app.reader.all_in(queue, place)]
    lines += [_line(app, record) for record in records[:SHOWN]]
    lines += [f"  … and {len(records) - SHOWN} more"] if len(records) > SHOWN else []
    return "\n".join(["there are:", *lines]) if records else "there are no jobs"


def _found(app: Exqueue, wanted: Wanted, place: Place) -> Iterator[JobRecord]:
    now_ms = app.reader.now_ms()
    for queue in app.reader.queues():
        records = [record for record in app.reader.all_in(queue, place) if wanted.agrees(record, now_ms)]
        for record, body in zip(records, app.reader.bodies(queue, [record.id for record in records]), strict=True):
            if wanted.fits(record, open_body(app, record, body)):
                yield record


def open_body(app: Exqueue, record: JobRecord, body: bytes) -> bytes:
    """A body as the codec takes it; nothing where it cannot be trusted."""
    try:
        return app.envelope().open(record.queue, record.id, record.terms, record.header, body)
    except Untrusted:
        return b""


def _counted(app: Exqueue, found: list[Job], count: int | None, which: str, where: str) -> list[Job]:
    __tracebackhide__ = True
    if len(found) == count or (count is None and found):
        return found
    there = f"{len(found) or 'no'} {'job' if len(found) < 2 else 'jobs'} {which} {'is' if len(found) < 2 else 'are'} {where}"
    expected = "" if count is None else f", not {count}" if count else ", but none should be"
    raise AssertionError(f"{there}{expected}; {overview(app)}")


def _job(app: Exqueue, record: JobRecord) -> Job:
    return Job(app.store, app.reader, record.queue, record.id, seen=record)


def _line(app: Exqueue, record: JobRecord) -> str:
    name = record.header.worker.rpartition(":")[2]
    told = [f"  {record.place:<10}  {one_line(name, 100)}({one_line(record.header.args)})"]
    told += [f"key {one_line(record.terms.key)}"] if record.terms.key else []
    told += [f"due in {duration((record.when - app.reader.now_ms()) / 1000)}"] if record.place is Place.DELAYED else []
    error = app.reader.last_errors(record.queue, [record.id])[0]
    return ", ".join([*told, *([one_line(_said(error))] if error else [])])


def _said(error: ErrorInfo | None) -> str:
    return f"{error.type}: {error.message}" if error else ""


def _given(options: Configured[Any]) -> list[str]:
    plain: Configured[Any] = Configured(options.worker)
    return [field for field in options.__slots__ if getattr(options, field) != getattr(plain, field)]


def _moment(due: str, now_ms: int) -> int:
    return now_ms + int(due) if due.startswith("+") else int(due)


def _signature(worker: type[Worker]) -> inspect.Signature:
    return inspect.signature(object.__new__(worker).perform)  # as it is called, without self


def _parameters(worker: type[Worker]) -> set[str]:
    return set(_signature(worker).parameters)


def _bound(worker: type[Worker], call: Call) -> dict[str, Any]:
    bound = _signature(worker).bind(*call.args, **call.kwargs)
    bound.apply_defaults()
    return bound.arguments
