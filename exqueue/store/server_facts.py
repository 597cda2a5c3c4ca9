"""What the server says of itself, and what can be seen of it from here. What it does not tell this user is None."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from exqueue.model.errors import ExqueueError, StoreError, StoreRefused, StoreUnavailable
from exqueue.model.facts import ServerFacts, UserFacts
from exqueue.store.channel import Channel, open_channel
from exqueue.store.pool import Command
from exqueue.store.roles import Role, lacking

_SETTINGS: Final = ("appendfsync", "save")
_CREDENTIALS: Final = re.compile(r"//.*@")


def server_facts(channel: Channel, url: str, timeout: float = 2.0) -> list[ServerFacts]:
    """All of it, in a few small requests; of a cluster, for each node. `timeout`: seconds.

    Raises StoreUnavailable when one cannot be reached.
    """
    return [_of_one(channel, near, at, _url_of(at, url), timeout) for at, near in channel.everywhere().items()]


def server_info(channel: Channel, near: str = "") -> dict[str, str] | None:
    """What INFO says, all of it; None if this user may not ask. `near`: a key, in a cluster its node is asked."""
    told = _told(channel, near, ("INFO",))
    if not isinstance(told, bytes):
        return None
    return dict(line.split(":", 1) for line in told.decode("utf-8", "replace").splitlines() if ":" in line)


def is_local(url: str) -> bool:
    """Whether this URL leads over a Unix socket or loopback. A tunnel that begins here looks so, too."""
    parts = urlsplit(url)
    if parts.scheme in ("embedded", "unix"):
        return True
    hosts = [re.sub(r":\d+$", "", host).strip("[]") for host in parts.netloc.rpartition("@")[2].split(",")]
    return all(host in ("localhost", "::1", "") or host.startswith("127.") for host in hosts)


def _of_one(channel: Channel, near: str, at: str, url: str, timeout: float) -> ServerFacts:
    scheme = urlsplit(url).scheme
    return ServerFacts(
        info=server_info(channel, near), config=_config(channel, near), local=is_local(url), embedded=scheme == "embedded",
        tls=scheme.partition("+")[0] == "rediss", skew=_skew(channel, near, time.time),
        open=True if scheme == "embedded" else _is_open(url, timeout), user=_user(channel, near), at=at,
    )  # fmt: skip


def _url_of(at: str, url: str) -> str:
    """The URL of one server of several, if it has an address of its own."""
    parts = urlsplit(url)
    credentials, sign, _ = parts.netloc.rpartition("@")
    own = parts._replace(scheme=parts.scheme.partition("+")[0], netloc=f"{credentials}{sign}{at}")
    return own.geturl() if at else url


def _told(channel: Channel, near: str, command: Command) -> Any:
    try:
        return channel.ask([command], near=near)[0]
    except StoreUnavailable:
        raise
    except StoreError:  # refused, renamed away, or not known to this kind of server
        return None


def _config(channel: Channel, near: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for name in _SETTINGS:
        flat = _told(channel, near, ("CONFIG", "GET", name))
        pair = [part.decode("utf-8", "replace") for part in flat] if isinstance(flat, list) else []
        found |= {pair[0]: pair[1]} if len(pair) == 2 else {}
    return found or None


def _skew(channel: Channel, near: str, now: Callable[[], float]) -> float | None:
    before = now()
    told = _told(channel, near, ("TIME",))
    after = now()
    if not told:
        return None
    there = int(told[0]) + int(told[1]) / 1e6
    return there - after if there > after else min(0.0, there - before)  # anywhere between the two is right


def _is_open(url: str, timeout: float) -> bool | None:
    """Whether a stranger is served: one who gives no password. None if that could not be tried."""
    bare = re.sub(r"(?i)([?&])(password|username)=[^&]*&?", r"\1", url)
    bare = _CREDENTIALS.sub("//", bare, count=1)
    try:
        with contextlib.closing(open_channel(bare, timeout=timeout, patience=0)) as stranger:
            stranger.ask([("PING",)])
    except StoreRefused:
        return False
    except ExqueueError:
        return None
    return True


def _user(channel: Channel, near: str) -> UserFacts | None:
    name = _told(channel, near, ("ACL", "WHOAMI"))
    flat = _told(channel, near, ("ACL", "GETUSER", name)) if name else None
    if not isinstance(flat, list):
        return None
    said = dict(zip(flat[::2], flat[1::2], strict=False)).get(b"commands", b"").decode("utf-8", "replace").split()
    granted = frozenset(word[1:].lower() for word in said if word[0] == "+")
    known = not any(word[0] == "+" and word[1:2] == "@" for word in said)
    lacks = {role.value: lacking(role, granted) for role in Role} if known else {}
    return UserFacts(name.decode("utf-8", "replace"), "@all" in granted and len(said) == 1, lacks)
