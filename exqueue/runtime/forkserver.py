"""The fork server: imports the user's modules once, then forks worker processes on request and reports their ends.

It stands between runner and worker processes so that the runner never runs user code, and so that an application of
100 MB is imported once. It dies with the runner, its children die with it (see `die_with_parent`); and while the runner
is frozen it kills them, before others take over what they run.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import select
import signal
import socket
import sys
import threading
import time
from dataclasses import asdict
from typing import Any, Final

from exqueue.model.envelope import Envelope
from exqueue.model.errors import ExqueueError
from exqueue.model.redact import Redact
from exqueue.model.settings import Settings
from exqueue.model.signing import Keys
from exqueue.model.slips import slips_of
from exqueue.model.worker import Worker, check_together, path_of, spec_of
from exqueue.runtime import logs
from exqueue.runtime.board import Board, Cell
from exqueue.runtime.host import die_with_parent, host_id, start_time
from exqueue.runtime.messages import Line
from exqueue.runtime.process import FENCED, WorkerProcess
from exqueue.runtime.targets import load_targets
from exqueue.runtime.work import LOG, Post
from exqueue.store.channel import REPLY, open_channel
from exqueue.store.roles import Role, rights_of
from exqueue.store.scripts import script
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.steps import Store

LATE: Final = 0.7  # of a lease without a beat; a runner that is not frozen has killed them at 0.6
_QUIET: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ForkServer:
    """Serves one runner over `line`. Single-threaded, so that its forks are clean."""

    def __init__(self, line: Line, board: Board) -> None:
        self._line = line
        self._board = board
        self._cells: dict[int, Cell] = {}
        self._fenced: set[int] = set()
        self._workers: dict[str, type[Worker]] = {}
        self._settings = Settings()
        self._runner: dict[str, Any] = {}
        self._ended, self._waker = os.pipe()

    def serve(self) -> None:
        """Answer until the runner hangs up."""
        os.set_blocking(self._ended, False)
        os.set_blocking(self._waker, False)
        for number in _QUIET:  # the terminal sends Ctrl-C to us too; stopping is the runner's business
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        while not self._line.closed:
            sources: list[Any] = [self._line, self._ended]
            readable, _, _ = select.select(sources, [], [], self._settings.lease / 10 if self._cells else None)
            self._fence(time.monotonic())
            if self._ended in readable:
                os.read(self._ended, 512)
            self._reap()
            if self._line in readable:
                for message in self._line.hear():
                    self._answer(message)

    def _fence(self, now: float) -> None:
        """A runner that is frozen cannot kill its worker processes in time. Its own clock tells when it wakes, ours now."""
        if self._board.heard and now - self._board.heard > LATE * self._settings.lease:
            for pid in self._cells.keys() - self._fenced:
                LOG.error("the runner has not beaten for %.0f s: worker process %d is killed", now - self._board.heard, pid)
                os.kill(pid, signal.SIGKILL)  # ours, and not reaped yet: nobody else can have its pid
                self._fenced.add(pid)

    def _answer(self, message: dict[str, Any]) -> None:
        if "load" in message:
            self._settings = Settings(**{**message["settings"], "signing_keys": Keys.revealed(message["signing_keys"])})
            self._runner = message["runner"]
            logs.configure(message["verbose"])
            self._load(message["load"])
        elif "fork" in message:
            self._fork(message["fork"], message["worker"], message["queue"], self._board.cell(message["cell"]))

    def _load(self, targets: list[str]) -> None:
        try:
            workers = load_targets(targets)
            check_together([spec_of(worker) for worker in workers])
        except ExqueueError as error:
            self._line.say({"refused": str(error)})
            return
        self._workers = {path_of(worker): worker for worker in workers}
        for slip in (slip for worker in workers for slip in slips_of(worker)):
            LOG.warning("%s", slip)
        if threading.active_count() > 1:
            LOG.warning("importing the workers started %d threads; they do not exist in worker processes", threading.active_count() - 1)
        _settle()
        self._line.say({"specs": [asdict(spec_of(worker)) for worker in workers]})

    def _fork(self, slot: str, worker: str, queue: str, cell: Cell) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        # A SIGTERM between the fork and the worker process's own handler must wait, not be lost.
        me = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            pid = os.fork()
        except OSError as error:  # too many processes, or too little memory: no reason to end those that run
            self._line.say({"unborn": slot, "reason": str(error)})
            return
        finally:
            if os.getpid() == me:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        if pid:
            self._cells[pid] = cell
            self._line.say({"forked": slot, "pid": pid, "start": start_time(pid)})
            return
        code = 1
        try:
            die_with_parent(me)
            self._line.close()
            signal.set_wakeup_fd(-1)
            os.close(self._ended)
            os.close(self._waker)
            code = self._work(slot, worker, queue, cell)
        except BaseException:  # noqa: BLE001 (nothing may fall through into the server's loop)
            LOG.exception("worker process %s ends because of an error in exqueue", slot)
        finally:
            logs.flush()
            os._exit(code)

    def _work(self, slot: str, worker: str, queue: str, cell: Cell) -> int:
        os.setpgid(0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        pid = os.getpid()
        info = SlotInfo(
            slot,
            host=host_id(),
            pid=pid,
            start=start_time(pid),
            worker=worker,
            hostname=socket.gethostname(),
            lease=self._settings.lease,
            **self._runner,
        )
        settings, host = self._settings, host_id()
        channel = open_channel(settings.url, timeout=REPLY, patience=1.0)
        limits = spec_of(self._workers[worker]).limits
        envelope = Envelope(settings.namespace, settings.signing_keys, settings.max_body)
        redact = Redact.parse(settings.redact)
        post = Post(slot, self._runner["runner"], queue, info.encode(), limits, envelope, redact, settings.lease, host)
        return WorkerProcess(Store(channel, settings.namespace, settings.copies), post, dict(self._workers), cell).run()

    def _reap(self) -> None:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            # What its job has started goes with it. Before it is reaped: so long nobody else can have its pid. And before
            # the runner hears of it: the job may then run again at once.
            cell = self._cells.pop(found.si_pid, None)
            for target in (-found.si_pid, cell.attached if cell else 0):
                with contextlib.suppress(OSError):
                    if target:
                        os.kill(target, signal.SIGKILL)
            pid, status = os.waitpid(found.si_pid, 0)
            code = os.waitstatus_to_exitcode(status)
            if pid in self._fenced and code == -signal.SIGKILL:  # else it had ended by itself before it was killed
                code = FENCED
            self._fenced.discard(pid)
            self._line.say({"ended": pid, "status": code})


def _settle() -> None:
    """Let worker processes share what there is: a page is copied once one of them writes to it.

    Each would load the steps, and its collector write to all that is imported, only to find that none of it can go.
    """
    for step in rights_of(Role.RUNNER).steps:
        script(step)
    gc.collect()
    gc.freeze()


def main() -> None:
    """`python -m exqueue.runtime.forkserver FD RUNNER BOARD`: started by the runner only."""
    die_with_parent(int(sys.argv[2]))
    for stream in (sys.stdout, sys.stderr):  # what a job prints is seen at once, also in a file, also before a kill -9
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    board = Board(int(sys.argv[3]))
    board.close()  # it stays mapped, and nothing that the workers start shall inherit it
    ForkServer(Line(socket.socket(fileno=int(sys.argv[1]))), board).serve()


if __name__ == "__main__":
    main()
