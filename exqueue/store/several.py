"""URLs that name several servers: sentinels and their master, or nodes of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from exqueue.model.errors import ConfigError
from exqueue.store.cluster import Cluster
from exqueue.store.connection import Address, Connection, factory, parsed, safe_url
from exqueue.store.sentinel import Sentinels
from exqueue.store.topology import Followed, Topology

QUICK: Final = 1.0  # seconds that a sentinel or a node has to say where to go; another one may know, too
_PORTS: Final = {"sentinel": 26379, "cluster": 6379}


def several(url: str, timeout: float) -> Topology:
    """The topology of `redis+sentinel://` and `redis+cluster://`. `timeout`: seconds for a connect, and for a reply.

    Raises:
        ConfigError: the URL cannot be used.
    """
    base, _, kind = url.partition("://")[0].partition("+")
    try:
        parts = urlsplit(url)
        credentials, at, hosts = parts.netloc.rpartition("@")
        addresses = tuple(_address(host, _PORTS[kind]) for host in hosts.split(","))
    except ValueError:
        raise ConfigError(
            f"the URL {safe_url(url)!r} cannot be used; write {_form(kind)}, and percent-encode special characters in the password"
        ) from None
    master, _, database = parts.path.strip("/").partition("/") if kind == "sentinel" else ("", "", parts.path.strip("/"))
    if kind == "sentinel" and not master:
        raise ConfigError(f"the URL {safe_url(url)!r} names no master; write {_form(kind)}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    special = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")} if kind == "sentinel" else {}
    first = f"{base}://{credentials}{at}{addresses[0]}/{database}?{urlencode(options)}"
    said = parsed(first, url, _form(kind))
    if kind == "sentinel":
        return Followed(Sentinels(addresses, master, _maker({**said, "db": 0, **special}, min(timeout, QUICK)), _maker(said, timeout)))
    if said.get("db"):
        raise ConfigError(f"the URL {safe_url(url)!r} names a database, and a cluster has only 0; leave it out")
    return Cluster(addresses, _maker(said, timeout), _maker(said, min(timeout, QUICK)))


def _address(text: str, port: int) -> Address:
    """`host`, `host:port` or `[v6]:port`. Raises ValueError."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.netloc != text or parts.port == 0:
        raise ValueError(text)
    return Address(parts.hostname, parts.port or port)


def _maker(said: dict[str, Any], timeout: float) -> Callable[[Address], Connection]:
    def make(address: Address) -> Connection:
        made: Connection = factory({**said, "host": address.host, "port": address.port}, timeout)()
        return made

    return make


def _form(kind: str) -> str:
    return f"redis+{kind}://USER:PASSWORD@HOST:PORT,HOST:PORT" + ("/MASTER" if kind == "sentinel" else "")
