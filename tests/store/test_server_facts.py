"""What can be found out about a server, by whom, and that a server which says nothing breaks nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from exqueue.model.errors import StoreUnavailable
from exqueue.model.facts import ServerFacts
from exqueue.store.channel import Channel
from exqueue.store.roles import Role, rules
from exqueue.store.server_facts import is_local, server_facts, server_info
from tests.conftest import fake_channel
from tests.store.servers import Server, running

SECRET = "hunter2"


@pytest.fixture(params=["redis", "valkey"], scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(request.param, "--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


@pytest.fixture
def admin(server: Server) -> Iterator[Channel]:
    admin = server.channel()
    yield admin
    admin.ask([("ACL", "SETUSER", "default", "reset", "on", "nopass", "~*", "&*", "+@all")])
    admin.close()


def facts(server: Server, credentials: str = "") -> ServerFacts:
    channel = server.channel(credentials)
    try:
        return server_facts(channel, server.url(credentials))[0]
    finally:
        channel.close()


def test_whoever_may_do_everything_learns_everything(server: Server) -> None:
    found = facts(server)
    assert found.info is not None
    assert (found.info["maxmemory_policy"], found.number("aof_enabled"), found.config, found.local, found.embedded, found.tls) == (
        "noeviction", 1, {"appendfsync": "always", "save": ""}, True, False, False,
    )  # fmt: skip
    assert (found.open, found.user and (found.user.name, found.user.almighty), abs(found.skew or 0.0) < 1) == (
        True,
        ("default", True),
        True,
    )


@pytest.mark.parametrize("role", Role)
def test_a_role_learns_what_it_may_and_the_rest_is_unknown(server: Server, admin: Channel, role: Role) -> None:
    admin.ask([("ACL", "SETUSER", role.value, "reset", "on", f">{SECRET}", "resetchannels", "-@all", *rules(role, "ns"))])
    found = facts(server, f"{role}:{SECRET}@")
    told = (found.info is not None, found.skew is not None, found.config, found.user, found.open)
    assert told == (role not in (Role.PRODUCER, Role.KEEPER), True, None, None, True)


def test_a_user_who_may_ask_learns_what_it_lacks_of_each_role(server: Server, admin: Channel) -> None:
    words = ("reset", "on", f">{SECRET}", "resetchannels", "-@all", *rules(Role.VIEWER, "ns"), "+acl", "-info")
    admin.ask([("ACL", "SETUSER", "u", *words)])
    user = facts(server, f"u:{SECRET}@").user
    assert user is not None
    assert (user.name, user.almighty, user.lacks["viewer"], "lpop" in user.lacks["runner"]) == ("u", False, ("info",), True)


def test_a_server_that_wants_a_password_is_not_open(server: Server, admin: Channel) -> None:
    admin.ask([("ACL", "SETUSER", "u", "reset", "on", f">{SECRET}", "~*", "+@all"), ("ACL", "SETUSER", "default", "off")])
    try:
        assert facts(server, f"u:{SECRET}@").open is False
    finally:
        with contextlib.closing(server.channel(f"u:{SECRET}@")) as other:
            other.ask([("ACL", "SETUSER", "default", "on")])


def test_commands_that_were_renamed_away_are_unknown() -> None:
    with running("redis", *(word for name in ("INFO", "ACL", "TIME") for word in ("--rename-command", name, ""))) as server:
        assert facts(server) == ServerFacts(config={"appendfsync": "everysec", "save": ""}, open=True)


def test_a_stand_in_that_knows_none_of_it_is_no_error() -> None:
    assert server_info(fake_channel()) is None


def test_a_server_that_is_gone_is_said_to_be_gone() -> None:
    with running("redis") as server:
        channel = server.channel()
    with pytest.raises(StoreUnavailable):
        server_facts(channel, server.url())


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("redis://localhost:6379/0", True), ("redis://u:p@127.0.0.1", True), ("rediss://[::1]:6379", True),
        ("unix:///run/redis.sock", True),
        ("embedded:.exqueue", True), ("redis://redis.internal/0", False), ("redis://u:localhost@10.0.0.1", False),
        ("redis+sentinel://127.0.0.1:1,127.0.0.1:2/m/0", True), ("redis+sentinel://127.0.0.1:1,10.0.0.2:2/m/0", False),
    ],
)  # fmt: skip
def test_whether_a_url_stays_on_this_host(url: str, local: bool) -> None:
    assert is_local(url) is local


@pytest.mark.parametrize(
    ("url", "encrypted"),
    [
        ("rediss://127.0.0.1:1", True), ("rediss+sentinel://127.0.0.1:1/m", True), ("rediss+cluster://127.0.0.1:1", True),
        ("redis://127.0.0.1:1", False), ("redis+sentinel://127.0.0.1:1/m", False), ("unix:///rediss", False),
    ],
)  # fmt: skip
def test_whether_a_url_asks_for_tls(url: str, encrypted: bool) -> None:
    assert [found.tls for found in server_facts(fake_channel(), url)] == [encrypted]
