"""What the doctor says of a server, for each thing that can be wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exqueue.model.facts import Facts, Finding, Level, ServerFacts, UserFacts
from exqueue.model.server_checks import SERVER_CHECKS, eviction, worst

SOUND = {
    "redis_version": "8.2.2", "role": "master", "aof_enabled": "1", "maxmemory_policy": "noeviction", "maxmemory": "1000000000",
    "used_memory": "500000000", "used_memory_rss": "600000000", "evicted_keys": "0", "connected_slaves": "0",
}  # fmt: skip
WELL = Facts(
    ServerFacts(SOUND, {"appendfsync": "always"}, local=False, tls=True, skew=0.1, open=False, user=UserFacts("u", False, {"runner": ()}))
)
GB = 1_000_000_000


def found(facts: Facts) -> dict[str, Finding]:
    return {finding.check: finding for finding in (check(facts) for check in SERVER_CHECKS)}


def bad(facts: Facts) -> dict[str, str]:
    """The checks that are not ok, with their levels."""
    return {name: finding.level.value for name, finding in found(facts).items() if finding.level is not Level.OK}


def with_info(accepts_loss: bool = False, **info: str) -> Facts:
    return replace(WELL, server=replace(WELL.server, info={**SOUND, **info}), accepts_loss=accepts_loss)


def with_server(**facts: Any) -> Facts:
    return replace(WELL, server=replace(WELL.server, **facts))


def test_of_a_sound_server_nothing_is_said() -> None:
    assert bad(WELL) == {}


def test_of_a_server_that_tells_nothing_everything_is_unknown_and_nothing_is_wrong() -> None:
    levels = {name: finding.level.value for name, finding in found(Facts(ServerFacts(local=True))).items()}
    assert levels == {**dict.fromkeys(levels, "unknown"), "tls": "ok"}


@pytest.mark.parametrize(
    ("info", "wrong"),
    [
        ({"redis_version": "6.0.16"}, {"server": "error", "patches": "error"}),
        ({"redis_version": "6.2.19"}, {"patches": "error"}),
        ({"redis_version": "6.2.20"}, {}),
        ({"redis_version": "7.0.15"}, {"patches": "error"}),
        ({"redis_version": "7.0.15", "executable": "/usr/bin/redis-server"}, {"patches": "unknown"}),
        ({"redis_version": "7.0.15", "executable": "/usr/local/bin/redis-server"}, {"patches": "error"}),
        ({"redis_version": "7.0.15", "executable": "/srv/redis-server", "mem_allocator": "jemalloc-5.3.0"}, {"patches": "unknown"}),
        ({"redis_version": "7.0.15", "executable": "/srv/redis-server", "mem_allocator": "jemalloc-5.2.1"}, {"patches": "error"}),
        ({"redis_version": "7.0.15", "mem_allocator": "libc"}, {"patches": "error"}),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.10", "mem_allocator": "jemalloc-5.2.1"}, {"patches": "error"}),
        ({"redis_version": "7.2.10"}, {"patches": "error"}),
        ({"redis_version": "7.2.11"}, {}),
        ({"redis_version": "7.4.5"}, {"patches": "error"}),
        ({"redis_version": "8.0.4"}, {}),
        ({"redis_version": "8.2.1"}, {"patches": "error"}),
        ({"redis_version": "8.4.0"}, {}),
        ({"redis_version": "255.255.255"}, {}),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.10"}, {"patches": "error"}),
        ({"redis_version": "7.2.4", "valkey_version": "8.0.6"}, {}),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.3"}, {"patches": "error"}),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, {}),
        ({"redis_version": "\x1b[2J"}, {"server": "unknown", "patches": "unknown"}),
        ({"role": "slave"}, {"server": "error"}),
        ({"aof_enabled": "0"}, {"persistence": "error"}),
        ({"aof_last_write_status": "err"}, {"disk": "error"}),
        ({"rdb_last_bgsave_status": "err"}, {"disk": "error"}),
        ({"maxmemory_policy": "allkeys-lru"}, {"eviction": "error"}),
        ({"maxmemory_policy": "volatile-ttl"}, {"eviction": "error"}),
        ({"evicted_keys": "3"}, {"eviction": "warning"}),
        ({"used_memory": str(GB * 8 // 10)}, {"memory": "warning"}),
        ({"used_memory": str(GB * 98 // 100)}, {"memory": "error"}),
        ({"maxmemory": "0", "total_system_memory": str(4 * GB)}, {}),
        ({"maxmemory": "0", "total_system_memory": str(GB * 6 // 10)}, {"memory": "warning"}),
        ({"maxmemory": "0"}, {}),
        ({"used_memory_rss": str(GB)}, {"overhead": "warning"}),
        ({"used_memory": "1000000", "used_memory_rss": "9000000"}, {}),
        ({"connected_slaves": "1", "slave0": "ip=10.0.0.2,port=6379,state=online,offset=5,lag=1"}, {}),
        ({"connected_slaves": "1", "slave0": "ip=10.0.0.2,port=6379,state=online,offset=5,lag=60"}, {"replicas": "warning"}),
        ({"connected_slaves": "1", "slave0": "state=online,lag=x"}, {"replicas": "warning"}),
        ({"connected_slaves": "1", "slave0": "ip=10.0.0.2,port=6379,state=wait_bgsave,offset=5,lag=0"}, {"replicas": "warning"}),
    ],
)  # fmt: skip
def test_what_info_tells(info: dict[str, str], wrong: dict[str, str]) -> None:
    assert bad(with_info(**info)) == wrong


@pytest.mark.parametrize(
    ("facts", "wrong"),
    [
        ({"config": None}, {"fsync": "unknown"}),
        ({"config": {"appendfsync": "everysec"}}, {}),
        ({"config": {"appendfsync": "no"}}, {"fsync": "warning"}),
        ({"skew": -0.9}, {}),
        ({"skew": 5.0}, {"clock": "warning"}),
        ({"skew": -3600.0}, {"clock": "error"}),
        ({"open": True}, {"door": "error"}),
        ({"open": True, "local": True}, {}),
        ({"open": None}, {"door": "unknown"}),
        ({"tls": False}, {"tls": "warning"}),
        ({"tls": False, "local": True}, {}),
        ({"user": None}, {"rights": "unknown"}),
        ({"user": UserFacts("default", True, {})}, {"rights": "warning"}),
        ({"user": UserFacts("default", True, {}), "local": True}, {}),
        ({"user": UserFacts("u", False, {"runner": ("lpop",), "viewer": ()})}, {}),
        ({"user": UserFacts("u", False, {"runner": ("lpop",), "viewer": ("info", "time")})}, {"rights": "warning"}),
        ({"user": UserFacts("u", False, {})}, {"rights": "warning"}),
    ],
)
def test_what_is_seen_from_here(facts: dict[str, Any], wrong: dict[str, str]) -> None:
    assert bad(with_server(**facts)) == wrong


def test_what_somebody_has_accepted_is_a_warning() -> None:
    assert bad(with_info(True, aof_enabled="0", maxmemory_policy="allkeys-lru")) == {"persistence": "warning", "eviction": "warning"}


def test_the_role_that_a_user_lacks_least_of_is_named_with_what_it_lacks() -> None:
    user = UserFacts("u", False, {"runner": ("lpop",), "viewer": ("info", "time")})
    rights = found(with_server(user=user))["rights"]
    assert (rights.says, rights.advice) == (
        "user u has the commands of no role; of runner it lacks lpop",
        "exqueue acl --role runner --update",
    )


@pytest.mark.parametrize(
    "facts", [WELL, Facts(), with_info(redis_version="7.0.1", maxmemory_policy="\x1b[2J", aof_enabled="0", evicted_keys="x")]
)
def test_whatever_is_said_is_one_printable_line_and_what_is_wrong_comes_with_advice(facts: Facts) -> None:
    for finding in found(facts).values():
        assert (finding.says + finding.advice).isprintable()
        assert finding.level in (Level.OK, Level.UNKNOWN) or finding.advice


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("noeviction", "allkeys-lru", "node b:2: maxmemory-policy is allkeys-lru"),
        ("allkeys-lru", "noeviction", "node a:1: maxmemory-policy is allkeys-lru"),
        (None, "allkeys-lru", "node b:2: maxmemory-policy is allkeys-lru"),
        ("noeviction", None, "node b:2: the server does not answer INFO to this user"),
        ("noeviction", "noeviction", "noeviction"),
    ],
)
def test_of_several_nodes_the_worst_is_told(first: str | None, second: str | None, says: str) -> None:
    servers = [ServerFacts({"maxmemory_policy": policy} if policy else None, at=at) for policy, at in ((first, "a:1"), (second, "b:2"))]
    assert worst(eviction, Facts(servers[0], others=(servers[1],))).says.partition(": a full")[0] == says
