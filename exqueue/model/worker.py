"""A worker type: a class with `perform`, and its options as class attributes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, ParamSpec

from exqueue.model.arguments import check_arguments
from exqueue.model.errors import BadArguments, ConfigError
from exqueue.model.job import ErrorInfo
from exqueue.model.names import check_name
from exqueue.model.options import LONGEST_TIMEOUT, Configured, Follower, Performs, check_priority, keep_of, seconds_option, terms_of
from exqueue.model.policy import DEFAULT_DELAY, Constant, Exponential, Policy
from exqueue.model.schedule import Cron, check_cron
from exqueue.model.steer import seconds_of

P = ParamSpec("P")

LARGEST_BATCH: Final = 100  # one step takes no more: it holds up everybody else
PERIODS: Final = {"second": 1000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}  # ms

Middleware = Callable[["JobInfo", Callable[[], object]], object]


@dataclass(frozen=True, slots=True)
class JobInfo:
    """What `perform` may know of its own job, as `self.job`. `enqueued_at`: ms since 1970. `attempt`: 1 for the first start.

    `key`: its ordering key, None where it has none; that of a serial worker is `*`.
    """

    id: str
    queue: str
    attempt: int
    enqueued_at: int
    key: str | None = None
    report: Callable[[float, str], None] | None = field(default=None, repr=False, compare=False)

    def progress(self, done: float, text: str = "") -> None:
        """Say how far it is, 0 to 1, for whoever looks: `self.job.progress(0.4, "page 4 of 10")`."""
        if self.report is not None:
            self.report(done, text)


class Worker:
    """Base class of worker types. Define `perform`; the rest has defaults."""

    queue: ClassVar[str | None] = None
    processes: ClassVar[int] = 1
    max_retries: ClassVar[int] = 5
    backoff: ClassVar[Callable[..., float | timedelta]] = Constant(DEFAULT_DELAY)
    max_crashes: ClassVar[int] = 3
    serial: ClassVar[bool] = False
    on_failure: ClassVar[str | None] = None
    priority: ClassVar[int] = 0
    keep_result: ClassVar[float | timedelta] = 0
    max_running: ClassVar[int | None] = None
    rate: ClassVar[str | None] = None
    middleware: ClassVar[Sequence[Middleware]] = ()
    schedule: ClassVar[Cron | None] = None
    timeout: ClassVar[float | timedelta | None] = None
    batch: ClassVar[int] = 1

    perform: Callable[..., object]
    job: JobInfo

    @classmethod
    def options(
        cls: type[Performs[P]], *, key: str | None = None, delay: float | timedelta = 0.0, at: datetime | None = None,
        priority: int | None = None, id: str | None = None, unique: str | None = None, queue: str | None = None,  # noqa: A002
        then: Sequence[Follower] = (), timeout: float | timedelta | None = None, expires: float | timedelta | None = None,
        keep_result: float | timedelta | None = None,
    ) -> Configured[P]:  # fmt: skip
        """This worker with options for one enqueue: `enqueue(SyncInvoices.options(key="customer-42"), 42)`. See `Configured`."""
        return Configured(
            cls, key, delay, at, priority, id, unique, queue, tuple(then) if isinstance(then, list) else then, timeout, expires, keep_result
        )

    def after_success(self, result: object) -> None:
        """Called once, in the worker process, after the job has succeeded and is settled. An exception in it is logged."""

    def after_error(self, error: ErrorInfo) -> None:
        """Called in the worker process after each attempt that failed and will be retried."""

    def after_failure(self, error: ErrorInfo) -> None:
        """Called once, in the worker process, after the job went to `failed`.

        Not called for a job that killed its process or was killed, nor for one that could not be loaded or expired.
        """


ATTRIBUTES: Final = tuple(name for name in Worker.__annotations__ if name in vars(Worker))


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a runner knows of a worker type without importing it. `name`: `module:Class`. `limits`: see `limits_of`.

    `terms`, `keep`: of jobs that are enqueued without options, as those of a schedule are.
    """

    name: str
    queue: str
    processes: int
    max_crashes: int
    limits: str = ""
    terms: str = ""
    keep: float | None = None
    schedule: Cron | None = None
    batch: int = 1

    @staticmethod
    def decode(data: dict[str, Any]) -> WorkerSpec:
        """What `dataclasses.asdict` and JSON have made of one."""
        schedule = data["schedule"]
        return WorkerSpec(**{**data, "schedule": None if schedule is None else Cron(**schedule)})

    @property
    def short(self) -> str:
        """The class name, as used in `--processes SyncInvoices=3`."""
        return self.name.rpartition(":")[2]


def queue_of(worker: type[Any]) -> str:
    """The name of the queue of a worker type: its `queue`, or the name of the class."""
    name = getattr(worker, "queue", None) or worker.__name__
    return check_name("queue", name)


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
    for name, least in (("processes", 0), ("max_retries", 0), ("max_crashes", 1), ("max_running", 1), ("batch", 1)):
        value = getattr(worker, name)
        optional = name == "max_running" and value is None
        if not optional and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise ConfigError(f"{worker.__name__}.{name} is {value!r}; it takes a whole number from {least}")
    seconds_option(f"{worker.__name__}.keep_result", worker.keep_result)
    _check_order(worker)
    limits_of(worker)
    _check_batch(worker)
    if not callable(worker.backoff):
        raise ConfigError(f"{worker.__name__}.backoff is {worker.backoff!r}; use constant(30), exponential() or a function")
    seconds_option(f"{worker.__name__}.timeout", worker.timeout)
    if worker.schedule is not None:
        _check_schedule(worker)
    return worker


def _check_order(worker: type[Worker]) -> None:
    if not isinstance(worker.serial, bool):
        raise ConfigError(f"{worker.__name__}.serial is {worker.serial!r}; it takes True or False")
    if worker.on_failure not in (None, "block", "continue"):
        raise ConfigError(f'{worker.__name__}.on_failure is {worker.on_failure!r}; it takes "block" or "continue"')
    check_priority(f"{worker.__name__}.priority", worker.priority)
    if not isinstance(worker.middleware, list | tuple) or not all(callable(layer) for layer in worker.middleware):
        raise ConfigError(
            f"{worker.__name__}.middleware is {worker.middleware!r}; it takes a list of functions of a job and of what to call next"
        )


def _check_batch(worker: type[Worker]) -> None:
    """A batch that nothing could ever come to is refused: it would promise what is not there."""
    if worker.batch > LARGEST_BATCH:
        raise ConfigError(f"{worker.__name__}.batch is {worker.batch!r}; it takes at most {LARGEST_BATCH}")
    if worker.batch == 1:
        return
    if worker.serial or limits_of(worker):
        raise ConfigError(
            f"{worker.__name__}.batch is {worker.batch}, but jobs of a worker with serial, max_running or rate are claimed one by one; "
            "remove batch, or those"
        )
    if worker.max_crashes == 1:
        raise ConfigError(
            f"{worker.__name__}.batch is {worker.batch}, but with max_crashes = 1 no job may run again after a crash, and those of a batch "
            "that ended before it do; remove batch, or raise max_crashes"
        )


def limits_of(worker: type[Worker]) -> str:
    """`max_running` and `rate` as the claim step reads them: most at once, starts, in how many ms; empty for no limits.

    Raises:
        ConfigError: the rate is not of the form "100/minute".
    """
    if worker.rate is None:
        return f"{worker.max_running} 0 0" if worker.max_running else ""
    number, _, period = str(worker.rate).partition("/")
    if not (number.isascii() and number.isdigit() and 0 < int(number) <= 100_000 and period in PERIODS):
        raise ConfigError(f'{worker.__name__}.rate is {worker.rate!r}; write "100/minute": 1 to 100000 a {", ".join(PERIODS)}')
    return f"{worker.max_running or 0} {int(number)} {PERIODS[period]}"


def _check_schedule(worker: type[Worker]) -> None:
    check_cron(f"{worker.__name__}.schedule", worker.schedule)
    if not is_importable(worker):
        wanted = "a runner must find it by its name: define it at the top of a module, not in a script or a function"
        raise ConfigError(f"{worker.__name__} has a schedule, so {wanted}")
    try:
        check_arguments(worker, (), {})
    except BadArguments as error:
        raise ConfigError(
            f"{worker.__name__} has a schedule, so perform is called without arguments: {error.reason}; give it a default"
        ) from error


def limit_of(worker: Worker, own: float) -> float:
    """Seconds that a job may run, 0 for as long as it likes. `own`: the limit of this one job, 0 for that of its worker.

    What is stored may be any number, and a class may have changed since it was checked; what makes no sense is no limit.
    """
    given = seconds_of(worker.timeout) if isinstance(worker.timeout, int | float | timedelta) else 0.0
    return next((seconds for seconds in (own, given) if 0 < seconds < LONGEST_TIMEOUT), 0.0)


def spec_of(worker: type[Worker]) -> WorkerSpec:
    """What the runner needs to know of a checked worker type."""
    plain = Configured(worker)
    terms, keep = terms_of(plain).encode(), keep_of(plain)
    limits = limits_of(worker)
    return WorkerSpec(
        path_of(worker), queue_of(worker), worker.processes, worker.max_crashes, limits, terms, keep, worker.schedule, worker.batch
    )


def check_together(specs: Sequence[WorkerSpec]) -> None:
    """Raises ConfigError if worker types that share a queue limit it differently, or one takes in batches what must run once."""
    first: dict[str, WorkerSpec] = {}
    for spec in specs:
        other = first.setdefault(spec.queue, spec)
        if other.limits != spec.limits:
            raise ConfigError(f"{other.short} and {spec.short} share the queue {spec.queue!r}; give both the same max_running and rate")
    for spec in specs:
        many = next((other for other in specs if other.queue == spec.queue and other.batch > 1), None)
        if many and spec.max_crashes == 1:
            said = f"{many.short}, whose batches would take its jobs, too"
            raise ConfigError(f"{spec.short} has max_crashes = 1 and shares the queue {spec.queue!r} with {said}; give one another queue")


def policy_of(worker: Worker) -> Policy:
    """What a worker says about failure. `backoff` may be a rule, a function of the failures so far, or a method."""
    backoff: Any = worker.backoff
    if isinstance(backoff, Constant | Exponential):
        return Policy(worker.max_retries, worker.max_crashes, backoff)
    backoff = inspect.getattr_static(worker, "backoff")
    is_method = inspect.isfunction(backoff) and next(iter(inspect.signature(backoff).parameters), "") == "self"
    if is_method or not inspect.isfunction(backoff):
        backoff = worker.backoff
    return Policy(worker.max_retries, worker.max_crashes, backoff)
