"""Every error exqueue raises: one small tree.

ExqueueError
├── ConfigError              a setting, a URL or a target cannot be used
│   ├── SchemaTooNew         the data was written by a newer exqueue; nothing was touched
│   └── TargetError          a worker named on the command line cannot be imported
├── EnqueueError             nothing was written
│   ├── BadArguments         perform() cannot be called with these
│   └── EncodeError          the arguments cannot be pickled, or are too large
├── JobError
│   ├── JobNotFound          no such job (any more)
│   ├── NotInPlace           no such job in the place where it was looked for
│   ├── NotPossible          the job is in a place where this cannot be done
│   ├── ExternalFailed       the process that perform returned has failed, or cannot be waited for
│   ├── CannotLoad           a worker process cannot turn the stored job into a call
│   │   └── Untrusted        its body is not signed as it should be, or too large to be unpacked
│   ├── ChainUnreadable      what was to follow a job cannot be read
│   ├── ResultUnavailable    the job keeps no result, or has not succeeded in time
│   └── JobFailed            the job that a result is waited for has failed for good, or was removed
└── StoreError               Redis answered, but with an error
    ├── StoreUnavailable     Redis could not be reached in time
    ├── StoreRefused         Redis refuses writes (full, read-only, no rights)
    ├── EnqueueUnknown       jobs were written, but too few replicas have confirmed them: nobody can say whether they last
    └── StoreCorrupt         a key holds something exqueue did not put there

Messages are one line: what is wrong, and what to do about it. What was wrong is also in attributes, so that nobody
has to parse a message. Errors of the redis package never leave `exqueue.store`; they are the `__cause__` of these.
"""

from __future__ import annotations


class ExqueueError(Exception):
    """Base of every error exqueue raises."""


class ConfigError(ExqueueError):
    """A setting, a URL or a target cannot be used."""


class TargetError(ConfigError):
    """A target such as `app.workers` or `app.workers:SyncInvoices` gives no worker."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"cannot load {target!r}: {reason}")
        self.target = target
        self.reason = reason

    def __reduce__(self) -> tuple[type[TargetError], tuple[str, str]]:
        return type(self), (self.target, self.reason)


class SchemaTooNew(ConfigError):
    """The data of this namespace was written by a newer exqueue; nothing was touched. `found`, `known`: numbers of schemas."""

    def __init__(self, namespace: str, found: int, known: int) -> None:
        what = f"the data of namespace {namespace!r} was written by a newer exqueue"
        super().__init__(f"{what} (schema {found}, this one knows {known}); upgrade exqueue here")
        self.namespace = namespace
        self.found = found
        self.known = known

    def __reduce__(self) -> tuple[type[SchemaTooNew], tuple[str, int, int]]:
        return type(self), (self.namespace, self.found, self.known)


class EnqueueError(ExqueueError):
    """A job could not be made; nothing was written."""


class BadArguments(EnqueueError):
    """`perform` cannot be called with these arguments. `parameter` names the culprit where there is one."""

    def __init__(self, worker: str, signature: str, reason: str, parameter: str | None = None) -> None:
        super().__init__(f"{worker}.perform{signature}: {reason}")
        self.worker = worker
        self.parameter = parameter
        self.reason = reason


class EncodeError(EnqueueError):
    """The arguments cannot be pickled, or are larger than `max_body`."""


class JobError(ExqueueError):
    """Something about one job."""


class JobNotFound(JobError):
    """No job has this id: it succeeded, was deleted, or never was."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job {job_id!r}: it has succeeded, was deleted, or never existed")
        self.job_id = job_id


class NotInPlace(JobError):
    """None of the jobs in a place has this id."""

    def __init__(self, job_id: str, place: str) -> None:
        super().__init__(f"no job in {place} begins with {job_id!r}; `exqueue jobs show {job_id}` looks everywhere")
        self.job_id = job_id
        self.place = place


class NotPossible(JobError):
    """The job is in a place where this cannot be done."""

    def __init__(self, job_id: str, place: str, action: str, advice: str) -> None:
        super().__init__(f"cannot {action} job {job_id}: it is {place}; {advice}")
        self.job_id = job_id
        self.place = place
        self.action = action


class ExternalFailed(JobError):
    """The process that `perform` returned has failed, or cannot be waited for. `status`: negative is a signal, else the exit code."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class CannotLoad(JobError):
    """A stored job cannot be turned into a call; `reason` is one of those in docs/pickling.md."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Untrusted(CannotLoad):
    """A stored body that must not be unpickled here.

    `why`: `unsigned`, `no keys`, `unknown key`, `altered`, `too large` or `bad envelope`.
    """

    def __init__(self, why: str, message: str) -> None:
        super().__init__("untrusted", message)
        self.why = why

    def __reduce__(self) -> tuple[type[Untrusted], tuple[str, str]]:
        return type(self), (self.why, str(self))


class ChainUnreadable(JobError):
    """What was to follow a job cannot be read."""

    def __init__(self) -> None:
        super().__init__("what was to follow the job cannot be read: somebody else wrote to this key")


class ResultUnavailable(JobError):
    """The job keeps no result, or has not succeeded in time. `timed_out`: which of the two."""

    def __init__(self, job_id: str, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(f"no result of job {job_id}: {reason}")
        self.job_id = job_id
        self.timed_out = timed_out


class JobFailed(JobError):
    """The job that a result was waited for has failed for good, or was removed; `reason` says which."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"job {job_id} {reason}")
        self.job_id = job_id
        self.reason = reason


class StoreError(ExqueueError):
    """Redis answered with an error that exqueue has no better name for.

    `uncertain`, here and below: whether the request may have been carried out all the same, at an earlier try or in part.
    `ids`: of the jobs that were to be enqueued. Enqueueing them again with these ids is safe.
    """

    def __init__(self, message: str, *, uncertain: bool = False, ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.uncertain = uncertain
        self.ids = ids


class StoreUnavailable(StoreError):
    """Redis could not be reached in time."""


class StoreRefused(StoreError):
    """Redis refuses: out of memory, read-only, failing disk, or missing rights. `code`: as Redis calls it, such as `OOM`, `NOPERM`."""

    def __init__(self, message: str, *, uncertain: bool = False, ids: tuple[str, ...] = (), code: str = "") -> None:
        super().__init__(message, uncertain=uncertain, ids=ids)
        self.code = code


class EnqueueUnknown(StoreError):
    """Jobs were written, but fewer replicas than are wanted have confirmed it in time: a failover may lose them, or not.

    Enqueueing them again with the same ids is safe, and waits for the replicas again. `ids`: of the jobs that are not
    confirmed, in the order of the calls; those behind the first hundred may not have been written yet.
    """

    def __init__(self, ids: tuple[str, ...], confirmed: int, wanted: int) -> None:
        which = f"job {ids[0]} is" if len(ids) == 1 else f"{len(ids)} jobs, from {ids[0]} on, are"
        said = f"{which} written, but {confirmed} of {wanted} replicas have confirmed it in time; enqueue again with the same id"
        super().__init__(said, uncertain=True, ids=ids)
        self.confirmed = confirmed
        self.wanted = wanted

    def __reduce__(self) -> tuple[type[EnqueueUnknown], tuple[tuple[str, ...], int, int]]:
        return type(self), (self.ids, self.confirmed, self.wanted)


class StoreCorrupt(StoreError):
    """A key holds something exqueue did not put there (wrong type); no step writes to it.

    `keys`: its name, or theirs, where known. `fault`: what is wrong; the message says behind it what to do, which is `advice`.
    `parts`: the errors of single queues, where this one stands for several.
    """

    def __init__(
        self, fault: str, *, advice: str = "", uncertain: bool = False, ids: tuple[str, ...] = (), keys: tuple[str, ...] = (),
        parts: tuple[StoreCorrupt, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(f"{fault}; {advice}" if advice else fault, uncertain=uncertain, ids=ids)
        self.fault = fault
        self.advice = advice
        self.parts = parts
        self.keys = keys
