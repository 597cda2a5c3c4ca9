"""Which machine this is, and whether a process on it still lives. Linux: /proc and pidfd."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import time
from pathlib import Path
from typing import Final

from exqueue.store.blocking import readable

_PR_SET_PDEATHSIG: Final = 1
_PR_GET_PDEATHSIG: Final = 2


def host_id() -> str:
    """Names the place where a pid means something: this boot of this machine, and this pid namespace (container).

    `EXQUEUE_HOST_ID` replaces it, to make two runners of one machine behave like two machines.
    """
    if given := os.environ.get("EXQUEUE_HOST_ID"):
        return given
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return socket.gethostname()


def seconds_since_boot() -> float:
    """Those of a machine that was suspended count too, which CLOCK_MONOTONIC leaves out."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def start_time(pid: int) -> int:
    """When a process began, in ticks since boot; 0 if there is no such process. Tells a pid from its later namesake."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    fields = text[text.rindex(b")") + 2 :].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])  # a zombie runs nothing any more


def is_alive(pid: int, start: int) -> bool:
    """Whether this very process still lives."""
    return pid > 0 and start > 0 and start_time(pid) == start


def is_gone(pid: int, start: int) -> bool:
    """Whether this very process surely runs no more. False also where it cannot be seen (another user, hidden /proc).

    `start` is 0 for a process that was dead before anybody had looked: it is gone when none has its pid.
    """
    if pid <= 0 or start < 0:
        return False
    found = start_time(pid)
    if found:
        return found != start and start > 0
    if Path(f"/proc/{pid}").exists():
        return True  # a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def send_signal(pid: int, start: int, number: signal.Signals) -> None:
    """Signal this very process; nothing if it is gone. The handle keeps its pid from changing hands meanwhile."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    with contextlib.suppress(OSError):
        if is_alive(pid, start):
            signal.pidfd_send_signal(handle, number)
    os.close(handle)


def kill_and_wait(pid: int, start: int, seconds: float) -> bool:
    """Kill a process and wait until the kernel says that it is gone. False: it is still there, or may not be killed."""
    if is_gone(pid, start):
        return True
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return is_gone(pid, start)
    try:
        if not is_alive(pid, start):  # looked at again: the handle now keeps the pid from changing hands
            return is_gone(pid, start)
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return bool(readable([handle], seconds))
    except OSError:
        return False
    finally:
        os.close(handle)


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent, which had this pid when it made us, dies. Linux."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def can_die_with_parent() -> bool:
    """Whether this kernel offers that."""
    try:
        return int(ctypes.CDLL(None).prctl(_PR_GET_PDEATHSIG, ctypes.byref(ctypes.c_int()))) == 0
    except AttributeError:  # not Linux
        return False
