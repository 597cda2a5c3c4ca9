"""Servers that work together: a master with replicas and sentinels, and a cluster. On loopback, each ended by its pid."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.crc import key_slot

from exqueue.model.errors import StoreError
from exqueue.store.channel import Channel
from exqueue.store.connection import connector
from tests.store.servers import binary

QUICK = ("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


@dataclass
class Node:
    """One server. Killed, it is started again with what was on its disk."""

    command: list[str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.ask("PING", patience=20)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; a killed one is waited for."""
        assert self.process is not None
        os.kill(self.process.pid, number)
        if number is signal.SIGKILL:
            self.process.wait()

    def revive(self) -> None:
        """Start it again if it is dead, let it go on if it is frozen."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        self.signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it, if it lives."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)

    def ask(self, *command: Any, patience: float = 5) -> Any:
        """Ask this one, whatever the others think of it."""
        channel = Channel(connector(f"redis://127.0.0.1:{self.port}", 1), where="test", patience=patience)
        try:
            return channel.ask([command])[0]
        finally:
            channel.close()

    @property
    def is_master(self) -> bool:
        """What it thinks it is."""
        return bool(self.ask("ROLE")[0] == b"master")


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def until(true: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


@dataclass
class Guarded:
    """A master, its replicas, and the sentinels that watch them."""

    nodes: list[Node]
    sentinels: list[Node]
    name: str = "m"

    @property
    def url(self) -> str:
        """What a user would write."""
        return f"redis+sentinel://{','.join(f'127.0.0.1:{sentinel.port}' for sentinel in self.sentinels)}/{self.name}"

    @property
    def master(self) -> Node:
        """The one that the sentinels name."""
        port = int(self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)[1])
        return next(node for node in self.nodes if node.port == port)

    @staticmethod
    def address(node: Node) -> tuple[str, int]:
        """What REPLICAOF takes."""
        return "127.0.0.1", node.port

    def settle(self) -> None:
        """Wait until all servers live, follow one master, and all sentinels know it: only then a failover is certain to come."""
        for node in self.nodes:
            node.revive()
        until(self._settled, "the sentinels and replicas to agree")

    def _settled(self) -> bool:
        named = {tuple(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)) for sentinel in self.sentinels}
        known = [_pairs(sentinel.ask("SENTINEL", "MASTER", self.name)) for sentinel in self.sentinels]
        if len(named) > 1 or any((k[b"flags"], k[b"num-other-sentinels"]) != (b"master", b"2") for k in known):
            return False
        master, others = self.master, [node for node in self.nodes if node is not self.master]
        for node in others:  # the sentinels would do it, too, but only after ten seconds
            if node.is_master or node.ask("ROLE")[2] != master.port:
                node.ask("REPLICAOF", "127.0.0.1", master.port)
        replicas = [_pairs(replica) for sentinel in self.sentinels for replica in sentinel.ask("SENTINEL", "REPLICAS", self.name)]
        healthy = len(replicas) == 3 * len(others) and all(replica[b"flags"] == b"slave" for replica in replicas)
        return healthy and all(node.ask("ROLE")[3] == b"connected" for node in others)


@contextlib.contextmanager
def replicated(kind: str) -> Iterator[tuple[Node, Node]]:
    """A master and one replica of it, for a while."""
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        ports = free_ports(2)
        nodes = [Node(_server(binary(kind), Path(directory, str(port)), port), port) for port in ports]
        nodes[1].command += ["--replicaof", "127.0.0.1", str(ports[0])]
        try:
            for node in nodes:
                node.start()
            nodes[0].ask("SET", "begun", 1)
            until(lambda: nodes[1].ask("GET", "begun"), "the replica to follow")
            until(lambda: b"offset=0," not in nodes[0].ask("INFO", "replication"), "the replica to confirm")
            yield nodes[0], nodes[1]
        finally:
            for node in nodes:
                node.end()


@contextlib.contextmanager
def guarded(kind: str = "redis", replicas: int = 2, down_after: int = 700) -> Iterator[Guarded]:
    """A master with replicas and three sentinels, for a while. `down_after`: ms."""
    server = binary(kind)
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        master, *others = ports = free_ports(replicas + 4)
        nodes = [Node(_server(server, Path(directory, str(port)), port), port) for port in ports[: replicas + 1]]
        for node in nodes[1:]:
            node.command += ["--replicaof", "127.0.0.1", str(master)]
        sentinels = [Node(_sentinel(server, Path(directory, str(port)), port, master, down_after), port) for port in others[replicas:]]
        try:
            for node in [*nodes, *sentinels]:
                node.start()
            found = Guarded(nodes, sentinels)
            found.settle()
            yield found
        finally:
            for node in [*sentinels, *nodes]:
                node.end()


def _server(server: str, directory: Path, port: int, *options: str) -> list[str]:
    directory.mkdir()
    return [server, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), *QUICK, *options]


def _sentinel(server: str, directory: Path, port: int, master: int, down_after: int) -> list[str]:
    directory.mkdir()
    config = directory / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {directory}\nsentinel monitor m 127.0.0.1 {master} 2\n"
        f"sentinel down-after-milliseconds m {down_after}\nsentinel failover-timeout m 2000\nsentinel parallel-syncs m 5\n"
    )
    return [server, str(config), "--sentinel"]


@dataclass
class ClusterNodes:
    """A cluster. `masters`: as it began; each has one of `replicas`, if there are any."""

    masters: list[Node]
    replicas: list[Node]
    ids: dict[int, str] = field(default_factory=dict)

    @property
    def nodes(self) -> list[Node]:
        """All of them."""
        return [*self.masters, *self.replicas]

    @property
    def url(self) -> str:
        """What a user would write; not all nodes, since the others are found."""
        return f"redis+cluster://127.0.0.1:{self.masters[0].port},127.0.0.1:{self.masters[1].port}"

    def owner(self, key: str) -> Node:
        """The master that has the slot of a key, by what most nodes know."""
        slot, told = key_slot(key.encode()), []
        for node in self.nodes:
            with contextlib.suppress(StoreError):
                told += [entry[2][1] for entry in node.ask("CLUSTER", "SLOTS", patience=0) if entry[0] <= slot <= entry[1]]
        port = max(set(told), key=told.count)
        return next(node for node in self.nodes if node.port == port)

    def settle(self) -> None:
        """Wait until all nodes live and know each other."""
        for node in self.nodes:
            node.revive()
        until(lambda: all(self._settled(node) for node in self.nodes), "the cluster to be whole")

    def _settled(self, node: Node) -> bool:
        state = node.ask("CLUSTER", "INFO").decode()
        lines = node.ask("CLUSTER", "NODES").decode().splitlines()
        whole = "cluster_state:ok" in state and "cluster_slots_ok:16384" in state and len(lines) == len(self.nodes)
        linked = node.is_master or node.ask("ROLE")[3] == b"connected"
        return whole and linked and not any("fail" in line or "handshake" in line for line in lines)

    def begin_move(self, slot: int, source: Node, target: Node) -> None:
        """A slot is on its way: what is not at its source any more is asked for at its target."""
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self.ids[source.port])
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", self.ids[target.port])

    def move_keys(self, slot: int, source: Node, target: Node, most: int = 10_000) -> list[bytes]:
        """Hand over keys of a slot, at most so many; those that were."""
        moved: list[bytes] = []
        while len(moved) < most and (keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, min(10, most - len(moved)))):
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            moved += keys
        return moved

    def end_move(self, slot: int, source: Node, target: Node) -> None:
        """The slot has arrived."""
        for node in [target, source, *(node for node in self.nodes if node.is_master and node not in (source, target))]:
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", self.ids[target.port])

    def move(self, slot: int, source: Node, target: Node) -> None:
        """Move a slot as `redis-cli --cluster reshard` does."""
        self.begin_move(slot, source, target)
        self.move_keys(slot, source, target)
        self.end_move(slot, source, target)


@contextlib.contextmanager
def clustered(kind: str = "valkey", *, replicas: bool = False, node_timeout: int = 1000) -> Iterator[ClusterNodes]:
    """Three masters, each with a replica if wanted, for a while. `node_timeout`: ms."""
    server = binary(kind)
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        count = 6 if replicas else 3
        ports = free_ports(2 * count)
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout), "--cluster-require-full-coverage", "no")
        nodes = [
            Node(_server(server, Path(directory, str(port)), port, *options, "--cluster-port", str(bus)), port)
            for port, bus in zip(ports[:count], ports[count:], strict=True)
        ]
        try:
            for node in nodes:
                node.start()
            found = ClusterNodes(nodes[:3], nodes[3:], {node.port: node.ask("CLUSTER", "MYID").decode() for node in nodes})
            _meet(found, dict(zip(ports, ports[count:], strict=False)))
            yield found
        finally:
            for node in nodes:
                node.end()


def _meet(cluster: ClusterNodes, bus: dict[int, int]) -> None:
    first = cluster.masters[0]
    shares: Sequence[tuple[int, int]] = [(0, 5460), (5461, 10922), (10923, 16383)]
    for epoch, (node, (low, high)) in enumerate(zip(cluster.masters, shares, strict=True), 1):
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        node.ask("CLUSTER", "ADDSLOTSRANGE", low, high)
    for node in cluster.nodes[1:]:
        node.ask("CLUSTER", "MEET", "127.0.0.1", first.port, bus[first.port])
    everybody = set(cluster.ids.values())
    until(lambda: all(everybody == _seen(node) for node in cluster.nodes), "the nodes to meet")
    for replica, master in zip(cluster.replicas, cluster.masters, strict=False):
        replica.ask("CLUSTER", "REPLICATE", cluster.ids[master.port])
    cluster.settle()


def _seen(node: Node) -> set[str]:
    return {line.split()[0] for line in node.ask("CLUSTER", "NODES").decode().splitlines() if "handshake" not in line}


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
