"""Whether a runner may start: not on a server that would lose jobs by itself, unless somebody has accepted that."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from exqueue.model.errors import ConfigError, StoreUnavailable
from exqueue.model.facts import Facts, Level, ServerFacts
from exqueue.model.server_checks import eviction, persistence, worst
from exqueue.model.settings import Settings
from exqueue.model.text import one_line
from exqueue.store.channel import Channel
from exqueue.store.connection import safe_url
from exqueue.store.lacks import lacks_in_steps
from exqueue.store.roles import Role
from exqueue.store.server_facts import server_info

_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh", "busybox"})


def admit(channel: Channel, settings: Settings) -> list[str]:
    """Refuse a server that evicts or denies us what a step needs; what to warn of in another one.

    Two requests; in a cluster each node is asked.

    Raises:
        ConfigError: its eviction policy is not `noeviction`, and `accept_data_loss` is not set; or rights are missing.
    """
    if lacks := lacks_in_steps(channel, settings.namespace, Role.RUNNER):
        advice = f"steps would stop halfway; see exqueue --namespace {settings.namespace} acl --role runner --update"
        raise ConfigError(f"this user of Redis may not send {', '.join(lacks)}: {advice}")
    (server, *others), warnings = _servers(channel)
    facts = Facts(server, accepts_loss=settings.accept_data_loss, others=tuple(others))
    policy, kept = worst(eviction, facts), worst(persistence, facts)
    if policy.level is Level.ERROR:
        where = safe_url(settings.url)
        raise ConfigError(f"Redis at {where} would lose jobs: {policy.says}; {policy.advice}, or accept that with --accept-data-loss")
    if policy.level is Level.UNKNOWN:
        warnings.append(f"whether Redis evicts keys could not be read ({policy.says}); it must not: set maxmemory-policy noeviction")
    if policy.level is Level.WARNING:
        warnings.append(f"{policy.says}; {policy.advice}")
    if kept.level is Level.ERROR:
        warnings.append(f"{kept.says}; {kept.advice}, or accept that with --accept-data-loss")
    return warnings


def _servers(channel: Channel) -> tuple[list[ServerFacts], list[str]]:
    """All of them, and a line for each node of a cluster that is away: it holds up the runners of its own queues only."""
    found, away = list[ServerFacts](), list[str]()
    for at, near in channel.everywhere().items():
        try:
            found.append(ServerFacts(server_info(channel, near), at=at))
        except StoreUnavailable as error:
            if not at:
                raise
            away.append(f"whether node {one_line(at, 60)} would lose jobs could not be read: {error}")
    return found or [ServerFacts()], away


def deaf_parent(parent: int, init: str) -> list[str]:
    """What to warn of where SIGTERM ends at a shell that is a container's process 1. `parent`: our parent; `init`: see `init_name`."""
    if parent != 1 or init not in _SHELLS:
        return []
    return [f"process 1 here is {init}, which passes no SIGTERM on: this runner would be killed; start it by exec"]


def init_name() -> str:
    """The name of process 1; empty where it cannot be seen."""
    try:
        return Path("/proc/1/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return ""
