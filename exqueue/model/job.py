"""What is known of a job without unpickling it: its header, the state of its run, the errors of its attempts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from exqueue.model.lifecycle import Place


@dataclass(frozen=True, slots=True)
class Header:
    """What the client wrote beside the pickled arguments. Read from Redis, so every field may be hostile text.

    `at`: when it was enqueued, ms since 1970, by the client's clock. `seq`: its place in the line of its queue,
    given by Redis. `by`: whether the worker travels by `reference` or by `value`. `size`: bytes of the pickle.
    `problem`: why the header could not be read, empty if it could.
    """

    worker: str = ""
    at: int = 0
    args: str = ""
    by: str = ""
    python: str = ""
    cloudpickle: str = ""
    size: int = 0
    seq: int = 0
    problem: str = ""

    def encode(self) -> bytes:
        """JSON without `seq`, which the enqueue step puts in front."""
        return json.dumps(
            {"worker": self.worker, "at": self.at, "args": self.args, "by": self.by,
             "py": self.python, "cp": self.cloudpickle, "size": self.size},
            separators=(",", ":"),
        ).encode()  # fmt: skip

    @staticmethod
    def decode(raw: bytes | None) -> Header:
        """Never raises: what cannot be read becomes a header with its `problem`."""
        if not raw:
            return Header(problem="it has no header")
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError):
            return Header(problem="its header is not JSON")
        if not isinstance(data, dict):
            return Header(problem="its header is not a JSON object")
        if "adopted" in data:
            return Header(problem="its id was found in a list of the queue, but there is no such job")
        return Header(
            worker=_text(data, "worker"), at=_number(data, "at"), args=_text(data, "args"), by=_text(data, "by"),
            python=_text(data, "py"), cloudpickle=_text(data, "cp"), size=_number(data, "size"), seq=_number(data, "seq"),
        )  # fmt: skip


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name, "")
    return value if isinstance(value, str) else ""


def _number(data: dict[str, Any], name: str) -> int:
    value = data.get(name, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


@dataclass(frozen=True, slots=True)
class Run:
    """What the starts of a job have come to so far; kept in Redis, so that no crash resets it.

    `attempt`: how often it was started. `failures` spend retries, `crashes` spend `max_crashes`.
    `since`: ms (Redis clock) of the last claim. `token`: who may settle it; empty when nobody runs it.
    """

    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    since: int = 0
    token: str = ""

    @staticmethod
    def decode(raw: bytes | None) -> Run:
        """Never raises: what is not a run reads as one that never was."""
        parts = (raw or b"").decode("utf-8", "replace").split(" ", 4)
        if len(parts) != 5 or not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts[:4]):
            return Run()
        attempt, failures, crashes, since = (int(part) for part in parts[:4])
        return Run(attempt, failures, crashes, since, "" if parts[4] == "-" else parts[4])

    @property
    def slot(self) -> str:
        """The slot whose process holds the job, empty if none does."""
        return self.token.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Claim:
    """One start of one job, handed to one worker process; `token` proves it when the job is settled."""

    id: str
    queue: str
    token: str
    run: Run
    header: Header
    body: bytes


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """The error of one attempt, as text only: nothing of it is ever made into an exception again.

    `reason`: `error`, `timeout`, `rejected`, `crashed`, `expired`, or why a job could not be loaded. `when`: ms since 1970.
    `where`: host and pid. `attempt`: the number of the start it belongs to.
    """

    reason: str
    type: str
    message: str
    traceback: str = ""
    attempt: int = 0
    when: int = 0
    where: str = ""

    def encode(self) -> bytes:
        """One line of JSON."""
        data = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(data, separators=(",", ":")).encode()

    @staticmethod
    def decode(raw: bytes) -> ErrorInfo:
        """Never raises: what cannot be read becomes an error that says so."""
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            return ErrorInfo("unreadable", "", "this entry of the error history cannot be read")
        return ErrorInfo(
            _text(data, "reason"), _text(data, "type"), _text(data, "message"), _text(data, "traceback"),
            _number(data, "attempt"), _number(data, "when"), _text(data, "where"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands in Redis at one moment. `when`: due (delayed) or failed at (failed), ms; 0 elsewhere."""

    id: str
    queue: str
    place: Place
    header: Header
    run: Run
    when: int = 0
    errors: tuple[ErrorInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs of a queue are in each place, and how many have left it for good."""

    pending: int = 0
    delayed: int = 0
    processing: int = 0
    failed: int = 0
    enqueued: int = 0
    completed: int = 0
    deleted: int = 0

    @property
    def present(self) -> int:
        """Jobs that are still somewhere."""
        return self.pending + self.delayed + self.processing + self.failed

    @property
    def unfinished(self) -> int:
        """Jobs that will still run by themselves: a burst ends when there are none."""
        return self.pending + self.delayed + self.processing

    @property
    def adds_up(self) -> bool:
        """Whether every job that was ever accepted is accounted for."""
        return self.enqueued == self.present + self.completed + self.deleted
