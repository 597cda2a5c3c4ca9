"""A job that returns a process with a child of its own, and ways to look at both."""

from __future__ import annotations

import subprocess
from pathlib import Path

from exqueue.runtime.host import start_time
from tests.runtime.rig import Rig

# It says its pid and that of its own child, which ignores SIGTERM, so that a test sees whether both are gone. No other run
# begins while there is a file `shut`: a test must not end between the start of a process and that of its guard.
FAMILY = """
import subprocess
SCRIPT = '(trap "" TERM; exec sleep 1000) & echo $$ $! >>pids; trap "{trap}" TERM; while :; do sleep .02; test -e gate && exit {code}; done'
class Family(Worker):
    {options}
    {define} perform(self, n):
        while os.path.exists('shut'):
            time.sleep(0.005)
        return subprocess.Popen(['sh', '-c', SCRIPT], {start})
"""
OWN, SAME = "start_new_session=True", ""


def family(rig: Rig, *, trap: str = "exit 0", code: int = 0, options: str = "pass", define: str = "def", start: str = OWN) -> str:
    rig.workers(FAMILY.format(trap=trap, code=code, options=options, define=define, start=start))
    return rig.enqueue_many("Family", 1)[0]


def pids(rig: Rig, times: int = 1) -> list[int]:
    """The processes of the so-many-th run, once they are there."""
    path = rig.directory / "pids"
    rig.until(lambda: path.exists() and len(path.read_text().splitlines()) >= times, "for the process")
    return [int(pid) for pid in path.read_text().splitlines()[times - 1].split()]


def guarded(rig: Rig) -> list[int]:
    """The processes of the first run, once they are guarded."""
    found = pids(rig)
    rig.until(lambda: guards(rig), "for the guard")
    return found


def guards(rig: Rig) -> list[int]:
    """The guards that stand behind the worker processes of this test, or behind nobody."""
    rows = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    targets = {f"-{pid}" for pid in [*pids(rig), *rig.pids("Family")]}
    return [int(row.split()[0]) for row in rows if "exqueue-guard" in row and row.split()[-1] in targets]


def living(found: list[int]) -> list[int]:
    return [pid for pid in found if start_time(pid)]


def errors_of(rig: Rig, job: str) -> list[tuple[str, str]]:
    return [(error.reason, error.message) for error in rig.app.job(job).record().errors]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
