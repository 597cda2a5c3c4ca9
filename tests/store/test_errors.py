"""When Redis is gone, locked, read-only or cannot be named: one of our errors, on one line, without the password."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import ConfigError, StoreCorrupt, StoreError, StoreRefused, StoreUnavailable
from exqueue.model.settings import Settings
from exqueue.store.channel import Channel, open_channel
from exqueue.store.connection import connector, safe_url
from exqueue.store.pool import Unsent
from exqueue.store.topology import Single
from tests.store.kit import Bench
from tests.store.servers import Server
from tests.store.steps import STEPS

SECRET = "hunter2"


@pytest.fixture
def app(server: Server) -> Iterator[Exqueue]:
    app = server.app()
    app.channel.ask([("FLUSHALL",)])
    yield app
    app.channel.ask([("REPLICAOF", "NO", "ONE"), ("CONFIG", "SET", "min-replicas-to-write", 0)])
    app.close()


def refused(url: str) -> str:
    """What is said of a URL that cannot be used."""
    with pytest.raises(ConfigError) as caught:
        open_channel(url, patience=0).ask([("PING",)])
    return str(caught.value)


@pytest.mark.parametrize("where", ["redis://127.0.0.1:1/0", "unix:///nowhere/at/all", "redis://nowhere.invalid:6379"])
def test_a_server_that_is_not_there_was_surely_not_reached(where: str) -> None:
    channel = Channel(connector(where, 1), where=safe_url(where), patience=0)
    with pytest.raises(StoreUnavailable, match=rf"cannot reach Redis at {where}: [^\n]*; is it running") as caught:
        channel.ask([("PING",)])
    assert caught.value.uncertain is False


def test_a_cluster_none_of_whose_nodes_can_be_reached_is_not_there() -> None:
    where = "redis+cluster://127.0.0.1:1,127.0.0.1:2"
    with pytest.raises(StoreUnavailable, match=rf"cannot reach Redis at {re.escape(where)}: [^\n]*; is it running") as caught:
        open_channel(where, patience=0).everywhere()
    assert caught.value.uncertain is False


def test_who_has_to_know_all_servers_waits_until_they_are_known() -> None:
    class Late(Single):
        tries = 0

        def everywhere(self) -> dict[str, str]:
            self.tries += 1
            if self.tries < 3:
                raise Unsent("no node answers")
            return {"h:1": "1", "h:2": "2"}

    assert Channel(Late(connector("redis://127.0.0.1:1", 1)), where="test", patience=5).everywhere() == {"h:1": "1", "h:2": "2"}


@pytest.mark.parametrize("step", ["enqueue", "claim", "complete", "recover", "beat"])
def test_a_replica_refuses_and_changes_nothing(bench: Bench, step: str) -> None:
    act = STEPS[step](bench)
    before = bench.snapshot()
    bench.ask("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreRefused, match="it is a read-only replica; connect to the primary"):
        act()
    bench.ask("REPLICAOF", "NO", "ONE")
    assert bench.snapshot() == before


def test_a_replica_gives_no_job_to_who_waits(bench: Bench) -> None:
    bench.put("a")
    bench.ask("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreRefused, match="it is a read-only replica"):
        bench.store.wait("q", "s", 1.0, None)
    bench.ask("REPLICAOF", "NO", "ONE")
    assert bench.pending == ["a"]


@pytest.mark.parametrize("wake", [None, 0], ids=["asleep", "to be woken"])
def test_who_waits_with_a_wrong_password_is_told_so(server: Server, app: Exqueue, wake: int | None) -> None:
    app.channel.ask([("ACL", "SETUSER", "u", "reset", "on", ">right")])
    with pytest.raises(StoreRefused, match="the user or the password is wrong; correct the URL"):
        server.channel("u:wrong@").wait_for_move("a", "b", 1.0, wake)


def test_too_few_replicas_are_said_to_be_too_few(bench: Bench) -> None:
    bench.put("a")
    bench.ask("CONFIG", "SET", "min-replicas-to-write", 1)
    with pytest.raises(StoreRefused, match="too few replicas are connected; see min-replicas-to-write"):
        bench.put("b")
    assert bench.pending == ["a"]


@pytest.mark.parametrize(
    ("credentials", "advice"),
    [
        ("", "it wants a password; put it in the URL"),
        (f":{SECRET}@", "is wrong; correct the URL"),
        (f"u:{SECRET}@", "is wrong; correct the URL"),
    ],
    ids=["none", "password", "user"],
)
def test_a_password_that_is_missing_or_wrong_is_never_shown(server: Server, credentials: str, advice: str) -> None:
    server.channel().ask([("CONFIG", "SET", "requirepass", "right")])
    try:
        with pytest.raises(StoreRefused, match=advice) as caught:
            server.channel(credentials).ask([("PING",)])
    finally:
        server.channel(":right@").ask([("CONFIG", "SET", "requirepass", "")])
    assert SECRET not in str(caught.value)


PRINTS = r"; `exqueue acl --role producer` or `exqueue acl --role runner` prints the rights that it needs$"


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        ("-@all", r"\([^()]*get[^()]*\); `exqueue acl` prints the rights of each role$"),
        ("+@all -evalsha", rf"\([^()]*evalsha[^()]*\){PRINTS}"),
        ("+@all -rpush", rf"\([^()]*\){PRINTS}"),
        ("+@all -sadd", r"\([^()]*sadd[^()]*\); .*--role producer` or .*--role runner` or .*--role keeper`"),
    ],
)
def test_a_user_without_rights_is_told_which_role_has_them(server: Server, rights: str, said: str) -> None:
    user = ("ACL", "SETUSER", "u", "reset", "on", f">{SECRET}", "~*", *rights.split())
    server.channel().ask([("FLUSHALL",), ("SCRIPT", "FLUSH"), user])
    bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=server.channel(f"u:{SECRET}@")))
    with pytest.raises(StoreRefused, match=rf"refuses: this user has no right to do that {said}") as caught:
        bench.put("a")
    assert (SECRET in str(caught.value), "script: " in str(caught.value), caught.value.code) == (False, False, "NOPERM")


def test_a_user_who_may_not_load_scripts_can_still_run_ours(server: Server) -> None:
    user = ("ACL", "SETUSER", "u", "reset", "on", f">{SECRET}", "~*", "+@all", "-script")
    server.channel().ask([("FLUSHALL",), ("SCRIPT", "FLUSH"), user])
    bench = Bench(Exqueue(settings=Settings(namespace="ns"), channel=server.channel(f"u:{SECRET}@")))
    assert bench.put("a") == [True]


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost", "localhost:6379", "http://localhost", "redis:localhost", "redis+sentinel://h", "redis+sentinel://h,/m", "redis+sentinel://h:x/m",
        "redis+sentinel://h/m/x", "redis+sentinel://h/m?unknown=1", "redis+cluster://h/1", "redis+cluster://h?db=1", "redis+cluster://",
        "redis+cluster://h:0", "redis+cluster://[::1", "redis+mirror://h", "redis://h:port/0", "redis://h:99999/0",
        "redis://[::1/0", "redis://h/0?db=x", "redis://h/0?socket_timeout=x", "redis://h/0?unknown=1", "redis://h/nodb", "unix://",
        "embedded:", "embedded://x", "\x1b[2J://x",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_refused_on_one_printable_line(url: str) -> None:
    assert refused(url).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@h:port/0", f"redis://u:{SECRET}@h:99999/0", f"http://u:{SECRET}@h", f"u:{SECRET}@h:6379", f":{SECRET}@h",
        f"redis://:{SECRET}/x@h:6379/0", f"redis://:{SECRET}#x@h:6379/0", f"redis://u:{SECRET}?x@h/0", f"redis://h:port/0?password={SECRET}",
        f"redis://:x@{SECRET}@h:port/0", f"redis+sentinel://u:{SECRET}@h,h:x/m", f"redis+sentinel://h/?sentinel_password={SECRET}",
        f"redis+cluster://:{SECRET}@h/1", f"redis+cluster://:{SECRET}/x@h:1", f"embedded://:{SECRET}@h",
    ],
)  # fmt: skip
def test_the_password_of_a_url_that_cannot_be_used_is_not_shown(url: str) -> None:
    assert SECRET not in refused(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:1/0", "redis://h:1/0"),
        (f"redis://:{SECRET}@h:1/0", "redis://***@h:1/0"),
        (f"rediss://u:{SECRET}@x@h/0", "rediss://***@h/0"),
        (f"unix://u:{SECRET}@/run/r.sock?db=1", "unix://***@/run/r.sock?db=1"),
        (f"redis+sentinel://u:{SECRET}@h:1,i:2/m/0", "redis+sentinel://***@h:1,i:2/m/0"),
        (
            f"redis+sentinel://h:1,i/m?sentinel_username=u&sentinel_password={SECRET}",
            "redis+sentinel://h:1,i/m?sentinel_username=***&sentinel_password=***",
        ),
        (f"rediss+cluster://:{SECRET}@h:1,i:2", "rediss+cluster://***@h:1,i:2"),
        (f"redis://h:1/0?password={SECRET}@x&db=1", "redis://h:1/0?password=***&db=1"),
        ("embedded:.exqueue", "embedded:.exqueue"),
        ("redis://h\x1b[2J\n/0", "redis://h\\x1b[2J /0"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert safe_url(url) == shown


@pytest.mark.parametrize("url", [f"redis://h:1/0?password={SECRET}", f"unix:///run/r.sock?db=1&password={SECRET}"])
def test_a_password_behind_the_question_mark_is_not_shown(url: str) -> None:
    assert SECRET not in safe_url(url)


@pytest.mark.parametrize("option", ["decode_responses=True", "protocol=3", "retry_on_timeout=True", "health_check_interval=1"])
def test_no_option_of_a_url_changes_how_we_talk(server: Server, option: str) -> None:
    channel = Channel(connector(f"{server.url()}?{option}", 5), where="test", patience=0)
    bench = Bench(Exqueue(settings=Settings(namespace=option.partition("=")[0]), channel=channel))
    bench.fail("a")
    assert (bench.counts(), bench.record("a").place, bench.ask("PING")) == ({"failed": 1, "enqueued": 1}, "failed", b"PONG")


def test_the_database_of_a_url_is_used(server: Server) -> None:
    channel = Channel(connector(f"{server.url()}?db=3", 5), where="test", patience=0)
    assert b"db=3" in channel.ask([("CLIENT", "INFO")])[0]


def test_a_key_of_the_wrong_type_is_named_as_text(bench: Bench) -> None:
    bench.ask("SET", "k\x1b", "x")
    advice = "delete it, or rename it to what begins otherwise, then run `exqueue fsck --repair`"
    with pytest.raises(StoreCorrupt, match=rf"^k\\x1b has the wrong type, somebody else writes to it; {advice}$"):
        bench.ask("XREAD", "COUNT", 1, "STREAMS", b"k\x1b", "0")


def test_any_other_error_is_ours_too(bench: Bench) -> None:
    with pytest.raises(StoreError, match=r"answered with an error: unknown command 'NONSENSE'"):
        bench.ask("NONSENSE", "\n")


def test_a_connection_that_had_an_error_is_used_again_in_step(bench: Bench) -> None:
    bench.put("a")
    with pytest.raises(StoreError):
        bench.channel.ask([("PING",), ("NONSENSE",), ("ECHO", "x")])
    assert bench.channel.ask([("ECHO", "y"), ("LLEN", bench.keys["pending"])]) == [b"y", 1]


def test_a_server_that_was_gone_for_long_is_reached_when_it_is_back(server: Server, tmp_path: Path) -> None:
    channel = Channel(connector(f"unix://{tmp_path}/s", 5), where="test", patience=0)
    for _ in range(300):
        with pytest.raises(StoreUnavailable):
            channel.ask([("PING",)])
    (tmp_path / "s").symlink_to(server.socket)
    assert channel.ask([("PING",)]) == [b"PONG"]


def test_connections_that_the_server_has_closed_are_made_again(server: Server) -> None:
    channel = server.channel(patience=5)
    channel.ask([("PING",)])
    server.channel().ask([("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")])
    assert channel.ask([("PING",)]) == [b"PONG"]


@pytest.mark.parametrize("act", [lambda bench: bench.put("a"), lambda bench: bench.pending], ids=["step", "read"])
def test_a_server_that_is_busy_with_a_script_is_unavailable(server: Server, bench: Bench, act: Callable[[Bench], object]) -> None:
    bench.put("b")
    with endless_script(server), pytest.raises(StoreUnavailable, match="cannot reach Redis"):
        act(bench)
    assert bench.pending == ["b"]


@contextlib.contextmanager
def endless_script(server: Server) -> Iterator[None]:
    """The server answers BUSY meanwhile."""
    with socket.socket(socket.AF_UNIX) as link, socket.socket(socket.AF_UNIX) as other:
        link.connect(server.socket)
        other.connect(server.socket)
        link.sendall(b"CONFIG SET busy-reply-threshold 1\r\n")
        assert link.recv(100) == b"+OK\r\n"
        link.sendall(b'EVAL "while true do end" 0\r\n')
        other.sendall(b"PING\r\n")
        while not other.recv(1000).startswith(b"-BUSY"):
            other.sendall(b"PING\r\n")
        try:
            yield
        finally:
            other.sendall(b"SCRIPT KILL\r\n")
        assert link.recv(1000).startswith(b"-ERR")
