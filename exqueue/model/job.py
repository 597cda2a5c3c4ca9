"""What is known of a job without unpickling it: its header, the state of its run, the errors of its attempts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from exqueue.model.lifecycle import Place

NO_JOB: Final = "its id was found in a list of the queue, but there is no such job"
_UNREADABLE: Final = "its header cannot be read"


@dataclass(frozen=True, slots=True)
class Header:
    """What the client wrote beside the pickled arguments. Read from Redis, so every field may be hostile text.

    `at`: when it was enqueued, ms since 1970, by the client's clock. `seq`: its place in the line of its queue,
    given by Redis. `by`: `value` if the worker travels along; `reference`, as older versions say, or empty if only its name
    does. `cloudpickle`: its version, empty if it was not needed. `size`: bytes of the pickle.
    `timeout`, `keep`: seconds that replace the worker's `timeout` and `keep_result`, None where they do not.
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
    timeout: float | None = None
    keep: float | None = None
    problem: str = ""

    def encode(self) -> bytes:
        """JSON without `seq`, which the enqueue step puts in front; and without what is empty: it is kept for each queued job."""
        text = json.encoder.encode_basestring_ascii  # a tenth of what json.dumps takes
        words = [f',"{name}":{text(value)}' for name, value in (("by", self.by), ("py", self.python), ("cp", self.cloudpickle)) if value]
        times = [f',"{name}":{value!r}' for name, value in (("timeout", self.timeout), ("keep", self.keep)) if value is not None]
        more = "".join((*words, f',"size":{self.size}', *times))
        return f'{{"worker":{text(self.worker)},"at":{self.at},"args":{text(self.args)}{more}}}'.encode()

    @staticmethod
    def decode(raw: bytes | None) -> Header:
        """Never raises: what cannot be read becomes a header with its `problem`."""
        if not raw:
            return Header(problem=f"{_UNREADABLE}: there is none")
        try:
            data = _DECODER.decode(raw.decode())
        except (ValueError, RecursionError):
            return Header(problem=f"{_UNREADABLE}: it is not JSON")
        if not isinstance(data, dict):
            return Header(problem=f"{_UNREADABLE}: it is not a JSON object")
        if "adopted" in data:
            return Header(problem=NO_JOB)
        # As nearly all are: a third of the time that looking at each field by itself takes.
        found: Any = tuple(map(data.get, _NAMES, _LEFT_OUT))
        if tuple(map(type, found)) == _USUAL:
            return Header(*found)
        return Header(
            worker=_text(data, "worker"), at=_number(data, "at"), args=_text(data, "args"), by=_text(data, "by"),
            python=_text(data, "py"), cloudpickle=_text(data, "cp"), size=_number(data, "size"), seq=_number(data, "seq"),
            timeout=_seconds(data, "timeout"), keep=_seconds(data, "keep"),
        )  # fmt: skip


_DECODER: Final = json.JSONDecoder()
_NAMES: Final = ("worker", "at", "args", "by", "py", "cp", "size", "seq", "timeout", "keep")
_LEFT_OUT: Final = ("", 0, "", "", "", "", 0, 0, None, None)
_USUAL: Final = (str, int, str, str, str, str, int, int, type(None), type(None))


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name, "")
    return value if isinstance(value, str) else ""


def _number(data: dict[str, Any], name: str) -> int:
    value = data.get(name, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _seconds(data: dict[str, Any], name: str) -> float | None:
    value = data.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e10 else None


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed of a job beyond its call. `key`: its ordering key, `SERIAL` for that of a serial worker.

    `blocks`: whether it blocks its key when it fails for good. `unique`: a name that no other job has meanwhile.
    `expires`: ms; after that it is not started any more. `chained`: whether other jobs follow it.
    """

    key: str = ""
    priority: int = 0
    blocks: bool = False
    unique: str = ""
    expires: int = 0
    chained: bool = False

    def encode(self) -> str:
        """Six words; nothing for a plain job."""
        if self == Terms():
            return ""
        blocks, chained = int(self.blocks), int(self.chained)
        return f"{self.key or '-'} {self.priority} {blocks} {self.unique or '-'} {self.expires} {chained}"

    @staticmethod
    def decode(raw: bytes | None) -> Terms:
        """Never raises: what is not terms reads as those of a plain job."""
        if not raw:
            return PLAIN
        words = (raw or b"").decode("utf-8", "replace").split(" ")
        if len(words) != 6 or not _is_number(words[1].removeprefix("-")) or not _is_number(words[4]):
            return Terms()
        key, priority, blocks, unique, expires, chained = words
        return Terms(key.removeprefix("-"), int(priority), blocks == "1", unique.removeprefix("-"), int(expires), chained == "1")


PLAIN: Final = Terms()
SERIAL: Final = "*"  # no key that a user may give


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 20


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
        if len(parts) != 5 or not all(map(_is_number, parts[:4])):
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
    terms: Terms = Terms()


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """The error of one attempt, as text only: nothing of it is ever made into an exception again.

    `reason`: `error`, `timeout`, `rejected`, `crashed`, `expired`, or why a job could not be loaded. `when`: ms since 1970.
    `where`: host and pid. `attempt`: the number of the start it belongs to; one that did not count leaves it as it was before.
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
            _text(data, "reason") or "unreadable", _text(data, "type"), _text(data, "message"), _text(data, "traceback"),
            _number(data, "attempt"), _number(data, "when"), _text(data, "where"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running job says it is. `done`: a share, 0 to 1. `when`: ms since 1970, by the clock of its host."""

    done: float = 0.0
    text: str = ""
    when: int = 0

    def encode(self) -> bytes:
        """One line of JSON."""
        return json.dumps([self.done, self.text, self.when], separators=(",", ":")).encode()

    @staticmethod
    def decode(raw: bytes | None) -> Progress | None:
        """Never raises: what cannot be read is no progress."""
        try:
            done, text, when = json.loads(raw or b"")
        except (ValueError, TypeError, RecursionError):
            return None
        fits = isinstance(done, int | float) and 0 <= done <= 1 and isinstance(text, str) and type(when) is int
        return Progress(float(done), text, when) if fits else None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands in Redis at one moment.

    `when`: due (delayed), failed at (failed) or kept until (done), ms; 0 elsewhere. `note`: what it says of its progress.
    """

    id: str
    queue: str
    place: Place
    header: Header
    run: Run
    when: int = 0
    errors: tuple[ErrorInfo, ...] = ()
    terms: Terms = Terms()
    note: Progress | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs of a queue are in each place, and how many have left it for good. `blocked`: keys, not jobs."""

    pending: int = 0
    delayed: int = 0
    waiting: int = 0
    processing: int = 0
    failed: int = 0
    done: int = 0
    enqueued: int = 0
    completed: int = 0
    deleted: int = 0
    blocked: int = 0
    paused: bool = False

    @property
    def present(self) -> int:
        """Jobs that are still somewhere."""
        return self.pending + self.delayed + self.waiting + self.processing + self.failed + self.done

    @property
    def unfinished(self) -> int:
        """Jobs that will still run by themselves: a burst ends when there are none.

        Those that wait do not count: when no other job is left, they are behind a failed one, which is for a person.
        """
        return self.pending + self.delayed + self.processing

    @property
    def adds_up(self) -> bool:
        """Whether every job that was ever accepted is accounted for."""
        return self.enqueued == self.present + self.completed + self.deleted
