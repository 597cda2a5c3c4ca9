"""Processes as seen from outside: who is whose child, by /proc; signals that meet the right one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from exqueue.runtime.host import send_signal, start_time


def parents() -> dict[int, int]:
    """Every process of this machine -> its parent."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                found[int(name)] = int(Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[1])
            except OSError:
                continue
    return found


def children(pid: int, tree: dict[int, int]) -> list[int]:
    """The children of a process, by pid."""
    return sorted(child for child, parent in tree.items() if parent == pid)


def at_home_in(directory: Path) -> list[int]:
    """The processes whose working directory this is: those of a chaos run that still live, but not zombies."""
    found = []
    for pid in parents():
        try:
            if Path(f"/proc/{pid}/cwd").readlink() == directory:
                found.append(pid)
        except OSError:
            continue
    return [pid for pid in found if start_time(pid) and pid != os.getpid()]


class Frozen:
    """Processes stopped by SIGSTOP, to be continued."""

    def __init__(self, pids: list[int]) -> None:
        self._stopped = [(pid, start_time(pid)) for pid in pids]
        for pid, start in self._stopped:
            send_signal(pid, start, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on; those that are gone are gone."""
        for pid, start in reversed(self._stopped):  # worker processes before the runner that may kill them
            send_signal(pid, start, signal.SIGCONT)
