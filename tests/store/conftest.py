"""What the tests of the store share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.model.settings import Settings
from exqueue.store.channel import Channel
from exqueue.store.repair import Repair
from tests.store.kit import Bench
from tests.store.servers import Server


@pytest.fixture
def bench(app: Exqueue) -> Bench:
    """The queue `q`, empty."""
    return Bench(app)


@pytest.fixture
def unchecked_app(channel: Channel) -> Iterator[Exqueue]:
    """For tests that break what is stored: an app in the namespace `ns`, whose invariants nobody looks at in the end."""
    app = Exqueue(settings=Settings(namespace="ns"), channel=channel)
    channel.ask([("DEL", key) for key in channel.ask([("KEYS", "ns:*")])[0]] or [("PING",)])
    yield app
    app.close()


@pytest.fixture
def mended(bench: Bench) -> Iterator[None]:
    """For tests that keep a repair from what it is there for: it is done after them."""
    yield
    list(Repair(bench.store).run())


@pytest.fixture
def admin(server: Server) -> Iterator[Channel]:
    """Whoever may do everything on a server of its own, which is empty."""
    admin = server.channel()
    admin.ask([("FLUSHALL",), ("SCRIPT", "FLUSH"), ("ACL", "LOG", "RESET")])
    yield admin
    admin.close()
