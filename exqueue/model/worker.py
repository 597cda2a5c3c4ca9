"""A worker type: a class with `perform`, and its options as class attributes."""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Final, Generic, ParamSpec, Protocol

from exqueue.model.errors import BadArguments, ConfigError
from exqueue.model.job import ErrorInfo
from exqueue.model.policy import DEFAULT_DELAY, Constant, Policy
from exqueue.model.steer import seconds_of

P = ParamSpec("P")

# What will be options of workers. Refused until then: a `serial` that did nothing would break somebody's order.
RESERVED: Final = ("serial", "on_failure", "keep_result", "schedule", "max_running", "rate", "batch", "priority")


LONGEST: Final = 1e9  # seconds of a time limit: more than a timer takes is no limit but a mistake


class Performs(Protocol[P]):
    """Anything with `perform`; what lets mypy check the arguments of `enqueue`."""

    def perform(self, *args: P.args, **kwargs: P.kwargs) -> object:
        """Do the job."""


@dataclass(frozen=True, slots=True)
class JobInfo:
    """What `perform` may know of its own job, as `self.job`. `enqueued_at`: ms since 1970. `attempt`: 1 for the first start."""

    id: str
    queue: str
    attempt: int
    enqueued_at: int


@dataclass(frozen=True, slots=True)
class Configured(Generic[P]):
    """A worker with options for one enqueue. `delay`: seconds until it may run; `id`: makes the enqueue repeatable."""

    worker: type[Performs[P]]
    delay: float = 0.0
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments for `perform`, not yet bound to a worker; see `enqueue_many`."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


def call(*args: Any, **kwargs: Any) -> Call:
    """Arguments for one job of `enqueue_many`: `enqueue_many(SyncInvoices, [call(1), call(2, full=True)])`."""
    return Call(args, kwargs)


class Worker:
    """Base class of worker types. Define `perform`; the rest has defaults."""

    queue: ClassVar[str | None] = None
    processes: ClassVar[int] = 1
    max_retries: ClassVar[int] = 5
    backoff: ClassVar[Callable[..., float | timedelta]] = Constant(DEFAULT_DELAY)
    max_crashes: ClassVar[int] = 3
    timeout: ClassVar[float | timedelta | None] = None

    perform: Callable[..., object]
    job: JobInfo

    @classmethod
    def options(cls: type[Performs[P]], *, delay: float = 0.0, id: str | None = None) -> Configured[P]:  # noqa: A002
        """This worker with options for one enqueue: `enqueue(SyncInvoices.options(delay=60), 42)`."""
        return Configured(cls, delay, id)

    def after_failure(self, error: ErrorInfo) -> None:
        """Called once, in the worker process, after the job went to `failed`.

        Not called for a job that killed its process or was killed, nor for one that could not be loaded: there is no worker then.
        """


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a runner knows of a worker type without importing it. `name`: `module:Class`."""

    name: str
    queue: str
    processes: int
    max_crashes: int

    @property
    def short(self) -> str:
        """The class name, as used in `--processes SyncInvoices=3`."""
        return self.name.rpartition(":")[2]


def queue_of(worker: type[Any]) -> str:
    """The name of the queue of a worker type: its `queue`, or the name of the class."""
    name = getattr(worker, "queue", None) or worker.__name__
    return check_name("queue", name)


def check_name(what: str, name: object) -> str:
    """Names end up in Redis keys and on terminals: letters, digits and `._:@/-`, at most 200 of them."""
    if not isinstance(name, str) or not 0 < len(name) <= 200 or not all(c.isalnum() or c in "._:@/-" for c in name):
        raise ConfigError(f"{what} {name!r} is not a name: use 1 to 200 letters, digits and any of . _ : @ / -")
    if name[0] == "-":
        raise ConfigError(f"{what} {name!r} begins with '-', so a command line would take it for an option; begin it otherwise")
    return name


def path_of(worker: type[Any]) -> str:
    """`module:Class`, the name a worker is stored under."""
    return f"{worker.__module__}:{worker.__qualname__}"


def is_importable(worker: type[Any]) -> bool:
    """Whether another process finds this very class under its module and name; if not it travels by value."""
    if worker.__module__ == "__main__":
        return False
    found: Any = sys.modules.get(worker.__module__)
    for part in worker.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is worker


def check_worker(worker: object) -> type[Worker]:
    """The class itself if it can be a worker type.

    Raises:
        ConfigError: it is no `Worker`, has no `perform`, or an option has a value of the wrong kind.
    """
    if not (inspect.isclass(worker) and issubclass(worker, Worker)):
        raise ConfigError(f"{worker!r} is not a worker: pass a class that inherits from exqueue.Worker")
    if not callable(getattr(worker, "perform", None)):
        raise ConfigError(f"{worker.__name__} has no perform method; define what the job does in it")
    if inspect.isgeneratorfunction(worker.perform) or inspect.isasyncgenfunction(worker.perform):
        raise ConfigError(f"{worker.__name__}.perform has a yield in it, so calling it would run nothing; write it without")
    queue_of(worker)
    for name in RESERVED:
        if hasattr(worker, name):
            raise ConfigError(f"{worker.__name__}.{name} has no effect yet, so it is refused; remove it or give it another name")
    for name, least in (("processes", 0), ("max_retries", 0), ("max_crashes", 1)):
        value = getattr(worker, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(f"{worker.__name__}.{name} is {value!r}; it takes a whole number from {least}")
    if not callable(worker.backoff):
        raise ConfigError(f"{worker.__name__}.backoff is {worker.backoff!r}; use constant(30), exponential() or a function")
    if worker.timeout is not None and not 0 < _seconds(worker.timeout) <= LONGEST:
        raise ConfigError(f"{worker.__name__}.timeout is {worker.timeout!r}; it takes seconds above 0, a timedelta, or None for no limit")
    return worker


def _seconds(value: object) -> float:
    """Seconds, or not a number where it is none."""
    if isinstance(value, int | float | timedelta) and not isinstance(value, bool):
        return seconds_of(value)
    return float("nan")


def limit_of(worker: Worker, own: float) -> float:
    """Seconds that a job may run, 0 for as long as it likes. `own`: the limit of this one job, 0 for that of its worker.

    What is stored may be any number, and a class may have changed since it was checked; what makes no sense is no limit.
    """
    for seconds in (own, _seconds(worker.timeout)):
        if 0 < seconds <= LONGEST:
            return seconds
    return 0.0


def spec_of(worker: type[Worker]) -> WorkerSpec:
    """What the runner needs to know of a checked worker type."""
    return WorkerSpec(path_of(worker), queue_of(worker), worker.processes, worker.max_crashes)


def policy_of(worker: Worker) -> Policy:
    """What a worker says about failure. `backoff` may be a rule, a function of the failures so far, or a method."""
    backoff: Any = inspect.getattr_static(worker, "backoff")
    is_method = inspect.isfunction(backoff) and next(iter(inspect.signature(backoff).parameters), "") == "self"
    if is_method or not inspect.isfunction(backoff):
        backoff = worker.backoff
    return Policy(worker.max_retries, worker.max_crashes, backoff)


@functools.lru_cache(maxsize=1024)
def _signature(worker: type[object]) -> inspect.Signature:
    perform: Any = inspect.getattr_static(worker, "perform")
    bound = types.MethodType(perform, object()) if inspect.isfunction(perform) else getattr(worker, "perform")  # noqa: B009 (an object, as far as mypy knows)
    try:
        return inspect.signature(bound)  # as it will be called: without self, whatever that is called
    except ValueError:
        raise ConfigError(f"{worker.__name__}.perform takes no arguments at all; write def perform(self, ...)") from None


def check_arguments(worker: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Bind the arguments to `perform` now, so that a wrong call fails where it is written, not at night in a worker.

    Raises:
        BadArguments: naming the parameter that is missing, unknown, or given too often.
    """
    signature = _signature(worker)  # type: ignore[arg-type]
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    for name in kwargs:  # told before what is missing: a misspelt name explains why something is
        if name not in signature.parameters and not takes_any:
            near = difflib.get_close_matches(name, signature.parameters, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadArguments(worker.__name__, str(signature), f"got an unexpected keyword argument {name!r}{hint}", name)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        reason = str(error)
        quoted = reason.split("'")
        parameter = quoted[1] if len(quoted) == 3 else None
        raise BadArguments(worker.__name__, str(signature), reason, parameter) from None
