"""The keys of a namespace as they are: their names, types and times to live, and which queues they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from exqueue.model.text import duration, one_line
from exqueue.store.base import Steps
from exqueue.store.keys import KINDS, queue_keys, registry_key, schema_key
from exqueue.store.replies import text_id
from exqueue.store.rules import Finding

SCANNED: Final = 1000
_FREE: Final = "delete it, or rename it to what begins otherwise: no step that uses it works before"


class Keyspace:
    """The keys of some queues, or of all. `whole`: the queues whose keys have the right types, so that they can be looked into.

    `scan`: find all keys by looking through the whole server; else only those are known that a queue may have.
    """

    def __init__(self, steps: Steps, queues: Sequence[str] | None = None, *, scan: bool) -> None:
        steps.heed_schema()
        self._steps = steps
        self._namespace = steps.namespace
        self._scanned = scan
        found = dict.fromkeys(self._scan(queues)) if scan else {}
        members = steps.channel.ask([("SMEMBERS", registry_key(self._namespace))])[0]
        registered = {name.decode("utf-8", "replace") for name in members}
        self._keys: dict[str, list[str]] = {queue: [] for queue in (registered if queues is None else queues)}
        self._unknown: list[str] = []
        for key in found:
            queue, name = self._split(key)
            if not _is_text(queue) or name.partition(":")[0] not in KINDS or (":" in name) != name.startswith("processing:"):
                self._unknown.append(key)
            else:
                self._keys.setdefault(queue, []).append(name)
        self._unregistered = {queue for queue, names in self._keys.items() if queue not in registered and {"jobs", "counters"} & {*names}}
        self.whole: list[str] = []

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the keys themselves. Fills `whole`."""
        for key in (registry_key(self._namespace), schema_key(self._namespace)):
            if (left := self._steps.channel.ask([("PTTL", key)])[0]) >= 0:
                yield Finding("", "expires", key, f"{one_line(key)} would expire in {duration(left / 1000)}", "persist")
        for key in self._unknown:
            advice = "exqueue does not know it and leaves it alone; delete it if nobody needs it"
            yield Finding(self._split(key)[0], "unknown", key, f"{one_line(key)} is no key of exqueue", "", advice)
        for queue in sorted(self._keys):
            names = self._keys[queue] if self._scanned else list(KINDS)
            wrong = list(self._of_keys(queue, [name for name in names if name != "processing"]))
            yield from wrong
            if queue in self._unregistered:
                yield Finding(queue, "registry", queue, "the queue is not on the list of queues, so nobody looks at it", "announce")
            if not any(finding.invariant == "type" for finding in wrong):
                self.whole.append(queue)

    def lists(self, queue: str) -> list[str]:
        """The slots that have a processing list."""
        return [name.partition(":")[2] for name in self._keys[queue] if name.startswith("processing:")]

    def _of_keys(self, queue: str, names: list[str]) -> Iterator[Finding]:
        prefix = self._prefix(queue)
        for start in range(0, len(names), SCANNED):
            some = names[start : start + SCANNED]
            asked: list[tuple[Any, ...]] = [(command, _raw(prefix + name)) for command in ("TYPE", "PTTL") for name in some]
            found = self._steps.channel.ask(asked)
            for name, said, left in zip(some, found, found[len(some) :], strict=False):
                right, kind = KINDS[name.partition(":")[0]], said.decode()
                if kind not in (right, "none"):
                    line = f"{one_line(prefix + name)} is a {kind}, but should be a {right}"
                    yield Finding(queue, "type", prefix + name, line, "", _FREE)
                elif left >= 0:
                    line = f"{one_line(prefix + name)} would expire in {duration(left / 1000)}"
                    yield Finding(queue, "expires", prefix + name, line, "persist")

    def _scan(self, queues: Sequence[str] | None) -> Iterator[str]:
        only = self._prefix(queues[0]) if queues and len(queues) == 1 else f"{self._namespace}:{{"
        pattern = re.sub(r"([\\*?\[\]^])", r"\\\1", only) + "*"
        places = (
            [queue_keys(self._namespace, queue)["jobs"] for queue in queues] if queues else [*self._steps.channel.everywhere().values()]
        )
        for near in places:
            cursor: bytes = b"0"
            while True:
                command = ("SCAN", cursor, "MATCH", _raw(pattern), "COUNT", SCANNED)
                cursor, keys = self._steps.channel.ask([command], near=near)[0]
                yield from (key for key in map(text_id, keys) if queues is None or self._split(key)[0] in queues)
                if int(cursor) == 0:
                    break

    def _split(self, key: str) -> tuple[str, str]:
        """Queue, and name of the key within it."""
        queue, found, name = key.removeprefix(f"{self._namespace}:{{").partition("}:")
        return (queue, name) if found else ("", key)

    def _prefix(self, queue: str) -> str:
        return queue_keys(self._namespace, queue)["jobs"].removesuffix("jobs")


def exists(steps: Steps, queue: str) -> bool:
    """Whether there is any key of this queue that has a fixed name, on the list of queues or not."""
    keys = queue_keys(steps.namespace, queue)
    return any(kind != b"none" for kind in steps.channel.ask([("TYPE", keys[name]) for name in KINDS if name != "processing"]))


def _is_text(name: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in name)


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
