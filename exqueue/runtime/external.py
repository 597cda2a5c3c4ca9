"""A process that `perform` has returned: the job lasts as long as it does, and it never outlasts its worker process."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from exqueue.model import outcome as o
from exqueue.model.errors import ExternalFailed
from exqueue.model.external import Process
from exqueue.model.steer import JobTimeout, Stop
from exqueue.runtime.watch import Watch

# The guard reads from a pipe that only the worker process writes to. A line: it is done. The end: the worker process is
# dead, whoever killed it, and so is all that could have ended its child; the kernel itself has no such thing for groups.
_GUARD: Final = 'trap "" HUP INT TERM; read line || kill -s KILL -- "$1"'

LONGEST_POLL: Final = 3600.0  # seconds; poll() takes no more than some days
_UNFIT: Final = frozenset({"asyncio.subprocess", "multiprocessing.process"})

External = subprocess.Popen[Any] | Process


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended. `status`: negative is a signal, else the exit code. `told`: why it was told to end, if it was."""

    pid: int
    status: int
    told: Stop | None = None


def wait_for(result: object, watch: Watch) -> object:
    """What `perform` has returned; if that is a process, wait until it ends, and return nothing.

    Raises:
        ExternalFailed: it has failed, or cannot be waited for.
        JobTimeout, JobCancelled: it was told to end for that.
    """
    process = external(result)
    if process is None:
        return result
    ending = attend(process, watch)
    said = f"process {ending.pid} {o.ending(ending.status)}"
    if isinstance(ending.told, JobTimeout):
        raise JobTimeout(ending.told.seconds, f"; told to end, {said}")
    if ending.told:
        raise ending.told
    if ending.status:
        raise ExternalFailed(said, ending.status)
    return None


def external(result: object) -> External | None:
    """A process to wait for, if it is one. One of another kind, taken for any other result, would be lost."""
    if isinstance(result, subprocess.Popen | Process):
        return result
    if result is not None and not _UNFIT.isdisjoint(kind.__module__ for kind in type(result).__mro__):
        kind = f"{type(result).__module__}.{type(result).__qualname__}"
        raise ExternalFailed(f"perform returned a {kind}, which cannot be waited for; return a subprocess.Popen, or exqueue.Process(pid)")
    return None


def attend(process: External, watch: Watch) -> Ending:
    """Wait until a child ends; tell it to (SIGTERM) when the job shall stop. Killing is the runner's: it kills us both.

    Raises:
        ExternalFailed: it is not a child of this process, or was waited for already, so nobody knows what became of it.
    """
    # Not poll(): of a child that the kernel has reaped unseen it says 0, which would pass for a success.
    if isinstance(process, subprocess.Popen) and process.returncode is not None:
        return Ending(process.pid, process.returncode)
    with _handle(process.pid) as handle:
        _status(process.pid, handle, os.WNOHANG)  # only to see whether it is a child
        with _guarded(process.pid, watch):
            told = _wait(process.pid, handle, watch)
            status = _status(process.pid, handle)
            if told:  # what is left of its group; now, because a pid that is not reaped belongs to nobody else
                _send(process.pid, signal.SIGKILL)
    if isinstance(process, subprocess.Popen):
        process.wait()
    else:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, 0)
    return Ending(process.pid, status, told)


def _wait(pid: int, handle: int, watch: Watch) -> Stop | None:
    watch.relisten()
    poll = select.poll()
    for fd in (handle, watch.wake):
        if fd is not None:
            poll.register(fd, select.POLLIN)
    told: Stop | None = None
    while True:
        if told is None and (told := watch.due()):
            _send(pid, signal.SIGTERM)
        left = None if told else watch.left
        if any(fd == handle for fd, _ in poll.poll(None if left is None else min(left, LONGEST_POLL) * 1000)):
            return told
        watch.drain()


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[int]:
    try:
        handle = os.pidfd_open(pid)
    except OSError as error:
        raise _unknown(pid) from error
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _guarded(pid: int, watch: Watch) -> Iterator[None]:
    """Let a process die with this one: by the fork server, before it tells of our end; without it by the guard."""
    target = _reach(pid)
    if target > 0 and os.getpgid(pid) == os.getpgrp() == os.getpid():
        target = -os.getpid()  # it is in our group, and so is what it starts
    watch.attach(target)
    theirs, ours = os.pipe()
    line = open(ours, "wb", buffering=0)  # noqa: SIM115 (the guard must see its end before it is waited for)
    try:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "exqueue-guard", str(target)],
            stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
        )  # fmt: skip
    except OSError:
        line.close()
        _send(pid, signal.SIGKILL)
        raise
    finally:
        os.close(theirs)
    with guard, line:
        try:
            yield
        finally:  # also if it cannot be waited for: what the guard would kill may be our own group
            watch.attach(0)
            with contextlib.suppress(BrokenPipeError):  # somebody has killed it
                line.write(b"\n")


def _reach(pid: int) -> int:
    """Whom a signal to a process should go to: minus its group if it leads one of its own, else itself."""
    return -pid if os.getpgid(pid) == pid else pid


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone meanwhile, or become somebody else by setuid
        os.kill(_reach(pid), number)


def _status(pid: int, handle: int, options: int = 0) -> int:
    """How a child ended, without reaping it; 0 if it has not and `options` says not to wait."""
    try:
        found = os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOWAIT | options)
    except ChildProcessError as error:
        raise _unknown(pid) from error
    if found is None:
        return 0
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _unknown(pid: int) -> ExternalFailed:
    return ExternalFailed(
        f"process {pid} is not a child of this worker process, or was waited for already, so its exit code cannot be known; "
        "start it in perform, with subprocess.Popen or os.posix_spawn, and return it without waiting"
    )
