"""Servers to test against: fakeredis for speed, the embedded server and Redis for the truth."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import fakeredis
import pytest

from exqueue.app import Exqueue
from exqueue.model.settings import Settings
from exqueue.store.blocking import readable
from exqueue.store.channel import Channel, open_channel
from exqueue.store.connection import Connection, connector
from exqueue.store.embedded import EmbeddedServer
from exqueue.store.invariants import broken
from tests.store.constellation import ClusterNodes, Guarded, clustered, guarded
from tests.store.servers import Server, running

SERVERS = ["fake", "embedded", "redis"]


@pytest.fixture(scope="session")
def embedded_url() -> Iterator[str]:
    """One embedded server for the session, stopped at its end."""
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        server = EmbeddedServer(Path(directory))
        server.join()
        server.ensure()
        yield f"embedded:{directory}"
        handle = os.pidfd_open(int((Path(directory) / "server.pid").read_text().split()[0]))
        signal.pidfd_send_signal(handle, signal.SIGTERM)  # not by leaving: many channels of the tests have joined it
        readable([handle], 30)  # its last words go to its log after it has closed its socket
        os.close(handle)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """One redis-server of this machine on a Unix socket, stopped by its pid."""
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on PATH")
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        socket = f"{directory}/s"
        arguments = ["--port", "0", "--unixsocket", socket, "--dir", directory, "--appendonly", "yes", "--save", ""]
        process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL, start_new_session=True)
        Channel(connector(f"unix://{socket}", 5), where="test", patience=20).ask([("PING",)])
        yield f"unix://{socket}"
        os.kill(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture(scope="session")
def the_cluster() -> Iterator[ClusterNodes]:
    """One cluster for the session: three masters and their replicas."""
    with clustered(replicas=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster_url(the_cluster: ClusterNodes) -> str:
    """Where it is."""
    return the_cluster.url


@pytest.fixture(scope="session")
def the_sentinels() -> Iterator[Guarded]:
    """One master with two replicas and three sentinels for the session."""
    with guarded() as found:
        yield found


@pytest.fixture
def cluster(the_cluster: ClusterNodes) -> Iterator[ClusterNodes]:
    """The cluster, whole; for tests that break it."""
    the_cluster.settle()
    yield the_cluster
    the_cluster.settle()


@pytest.fixture
def sentinels(the_sentinels: Guarded) -> Guarded:
    """Master, replicas and sentinels, all of one mind; for tests that break them."""
    the_sentinels.settle()
    return the_sentinels


@pytest.fixture(params=["redis", "valkey"], scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that the tests of one file have for themselves, for what they do to it."""
    with running(request.param) as server:
        yield server


def fake_channel() -> Channel:
    """A channel to a fakeredis server of its own."""
    pool = fakeredis.FakeRedis(server=fakeredis.FakeServer()).connection_pool
    pool.max_connections = 2**31  # it counts what it has ever made
    connect: Callable[[], Connection] = pool.make_connection
    return Channel(connect, where="fakeredis", patience=0)


@pytest.fixture
def channel(request: pytest.FixtureRequest) -> Channel:
    """A channel to the server the test is run against: fakeredis, unless it asks for `@on_servers`."""
    name = getattr(request, "param", "fake")
    if name == "fake":
        return fake_channel()
    url = request.getfixturevalue(f"{name}_url")
    if name == "cluster":
        return open_channel(url, patience=5)
    connect = connector(url, 5)
    return Channel(connect, where=name, patience=5, leave=connect.leave)


on_servers = pytest.mark.parametrize("channel", SERVERS, indirect=True)
on_real_servers = pytest.mark.parametrize("channel", ["embedded", "redis"], indirect=True)
on_servers_and_cluster = pytest.mark.parametrize("channel", [*SERVERS, "cluster"], indirect=True)


@pytest.fixture
def app(channel: Channel) -> Iterator[Exqueue]:
    """An app in a namespace of its own; the invariants are checked when the test is over."""
    app = Exqueue(settings=Settings(namespace=f"t{uuid.uuid4().hex[:12]}"), channel=channel)
    yield app
    assert broken(channel, app.settings.namespace, scan=True) == []
    app.close()
