"""A cluster: which node has a slot, and what to do when it has not, or not any more, or not yet.

What a client knows of a cluster is a guess. A node that does not have a slot says so and does nothing; so a command may
always be sent to where the map says, and the map is mended by what comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from redis import exceptions as r
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from exqueue.model.errors import StoreRefused
from exqueue.store.connection import Address, Connection
from exqueue.store.pool import PASSING, TRANSIENT, Command, Pool, Trust, Unsent, Unsettled, code_of, exchange

SILENCE: Final = 1.0  # seconds without a reply in which a node may have been replaced; one that lives hears of it from the others
HOPS: Final = 5  # redirections of one command at once; a slot is not handed on faster than that

_KEYLESS: Final = frozenset({
    "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "ECHO", "FLUSHALL", "INFO", "LATENCY", "PING", "REPLICAOF", "ROLE",
    "SCAN", "SCRIPT", "SLOWLOG", "TIME", "WAIT",
})  # fmt: skip
_KEY_BEHIND_A_WORD: Final = frozenset({"MEMORY", "OBJECT", "XINFO"})


@dataclass(frozen=True, slots=True)
class Target:
    """Where a command goes. `asking`: its slot is on its way there, so that the node has to be told that we know."""

    address: Address
    asking: bool = False


class Cluster:
    """The masters of a cluster, found through any of `seeds`. `make`: a connection to a node; `ask`: one that waits less long."""

    alone = False

    def __init__(self, seeds: tuple[Address, ...], make: Callable[[Address], Connection], ask: Callable[[Address], Connection]) -> None:
        self._seeds = seeds
        self._make = make
        self._ask = ask
        self._owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._nodes: tuple[Address, ...] = ()
        self._pools: dict[Address, Pool] = {}
        self._doubtful = True
        self._looked = 0.0
        self._suspect: Address | None = None
        self._trust = Trust(SILENCE)

    def exchange(self, commands: Sequence[Command], *, near: str = "", together: bool = False) -> list[Any]:
        """See Topology. Commands for several nodes are sent to one after the other."""
        slots = [_slot(key) for key in keys_of(commands, near)]
        replies: list[Any] = [None] * len(commands)
        todo = {position: Target(self._owner(slot)) for position, slot in enumerate(slots)}
        for _ in range(HOPS):
            again: dict[int, Target] = {}
            for target, group in groupby(sorted(todo, key=lambda position: str(todo[position])), key=lambda position: todo[position]):
                positions = sorted(group)
                for position, reply in zip(positions, self._at(target, [commands[position] for position in positions]), strict=True):
                    replies[position] = reply
                    if (other := self._elsewhere(reply, target, slots[position])) is not None:
                        again[position] = other
            if not again:
                return replies
            todo = dict.fromkeys(todo, self._whole(again.values(), replies)) if together else again
        raise Unsettled(next(reply for reply in replies if isinstance(reply, r.AskError)))

    @staticmethod
    def _whole(targets: Iterable[Target], replies: list[Any]) -> Target:
        """Where all of it is to be sent. Not to where a slot is on its way: a part of it could make a key there that is still to come."""
        target = next(iter(targets))
        if target.asking:
            raise Unsettled(next(reply for reply in replies if isinstance(reply, r.AskError)))
        return target

    def pool(self, key: str) -> Pool:
        """See Topology."""
        return self._pool(self._owner(_slot(key)))

    def heed(self, pool: Pool, error: Exception) -> Exception:
        """See Topology."""
        self._doubtful = True
        if isinstance(error, r.AskError) or (isinstance(error, r.ResponseError) and code_of(error, PASSING)):
            return Unsettled(error)
        if isinstance(error, TRANSIENT):
            pool.hang_up()
        return error

    def groups(self, keys: Sequence[str]) -> list[list[str]]:
        """See Topology: those of one slot, even if one node has several."""
        return [list(group) for _, group in groupby(sorted(keys, key=_slot), key=_slot)]

    def everywhere(self) -> dict[str, str]:
        """See Topology."""
        found: dict[str, str] = {}
        for name in map(str, range(4096)):  # each of a thousand masters has some of these
            found.setdefault(str(self._owner(_slot(name))), name)
        return found

    def hang_up(self) -> None:
        """See Topology."""
        for pool in list(self._pools.values()):
            pool.hang_up()

    def _at(self, target: Target, commands: list[Command]) -> list[Any]:
        sent = [part for command in commands for part in ((("ASKING",), command) if target.asking else (command,))]
        pool = self._pool(target.address)
        try:
            with pool.borrowed() as connection:
                self._trust.begins(connection, self._looked)
                replies = exchange(connection, sent)
                if self._trust.is_over(connection):
                    self._confirm(target.address)
                self._trust.renew(connection)
        except TRANSIENT:
            pool.hang_up()
            self._doubtful, self._suspect = True, target.address
            raise
        return replies[1::2] if target.asking else replies

    def _elsewhere(self, reply: Any, asked: Target, slot: int) -> Target | None:
        """Where a command is to be sent instead, if this is what the reply says. Raises Unsettled: nowhere yet."""
        if not isinstance(reply, r.ResponseError):
            return None
        if isinstance(reply, r.AskError):  # MOVED is one, too
            address = Address(reply.host or asked.address.host, reply.port)
            if isinstance(reply, r.MovedError):
                self._owners[slot], self._doubtful = address, True
                return Target(address)
            return Target(address, asking=True)
        if code_of(reply, PASSING):
            self._doubtful = True
            raise Unsettled(reply)
        return None

    def _owner(self, slot: int) -> Address:
        if self._doubtful:
            self._look()
        owner = self._owners[slot]
        if owner is None:
            self._doubtful = True
            raise Unsettled(r.ClusterDownError(f"no node of the cluster serves slot {slot}"))
        return owner

    def _pool(self, address: Address) -> Pool:
        return self._pools.setdefault(address, Pool(lambda: self._make(address)))

    def _confirm(self, address: Address) -> None:
        """Raises ConnectionError unless this node is still a master, by what the others know."""
        self._suspect = address
        self._look()
        if address not in self._owners:
            raise r.ConnectionError(f"{address} is no master of the cluster any more")

    def _look(self) -> None:
        """Ask for the map, each time another node first: one that is cut off from the others knows an old one."""
        known, began = list(dict.fromkeys([*self._nodes, *self._seeds])), time.monotonic()
        failed: Exception | None = None
        for address in sorted(known, key=lambda address: address == self._suspect):
            try:
                self._learn(address, self._ask_for_slots(address))
                self._looked = began
            except r.AuthenticationError:
                raise
            except TRANSIENT as error:
                failed = error
            else:
                return
        raise Unsent(f"connecting to the cluster failed: none of its nodes answers ({failed})") from failed

    def _ask_for_slots(self, address: Address) -> list[Any]:
        connection = self._ask(address)
        try:
            reply: Any = exchange(connection, [("CLUSTER", "SLOTS")])[0]
        finally:
            connection.disconnect()
        if isinstance(reply, r.ResponseError):
            if "cluster support disabled" in str(reply):
                raise StoreRefused(f"Redis at {address} is no node of a cluster; use redis:// in the URL, not redis+cluster://")
            raise reply
        return list(reply)

    def _learn(self, asked: Address, slots: list[Any]) -> None:
        owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        nodes: list[Address] = []
        for first, last, *served in slots:
            found = [Address(host.decode() if host and host != b"?" else asked.host, port) for host, port, *_ in served]
            nodes += found
            owners[first : last + 1] = [found[0]] * (last + 1 - first)
        distinct = list(dict.fromkeys(nodes))
        turn = distinct.index(asked) + 1 if asked in distinct else 0
        self._owners, self._nodes, self._doubtful = owners, tuple(distinct[turn:] + distinct[:turn]), False
        for address in set(self._pools) - set(distinct):
            self._pools.pop(address).hang_up()


def keys_of(commands: Sequence[Command], near: str) -> list[str | bytes]:
    """The key by which each command finds its node; one without a key goes along with `near`, or with the first that has one."""
    keys = [_key_of(command) for command in commands]
    fallback = near or next((key for key in keys if key is not None), "")
    return [fallback if key is None else key for key in keys]


def _key_of(command: Command) -> str | bytes | None:
    name = command[0]
    if name in ("EVALSHA", "EVAL"):
        position = 3 if int(command[2]) else len(command)
    elif name == "XREAD":
        position = command.index("STREAMS") + 1
    else:
        position = 2 if name in _KEY_BEHIND_A_WORD else 1
    if name in _KEYLESS or len(command) <= position:
        return None
    key: str | bytes = command[position]
    return key


def _slot(key: str | bytes) -> int:
    found: int = key_slot(key if isinstance(key, bytes) else key.encode("utf-8", "surrogateescape"))
    return found
