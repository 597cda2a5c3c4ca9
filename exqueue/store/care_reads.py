"""What runners look at: slots and who beats for them, what was to follow, what shall be stopped, schedules, the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from exqueue.model.job import Run
from exqueue.model.schedule import Recorded
from exqueue.store.channel import Channel
from exqueue.store.keys import BELL, QueueKeys, queue_keys, registry_key, schema_key
from exqueue.store.replies import raw_id, text_id
from exqueue.store.schema import heed, parse_schema, read_schema
from exqueue.store.slotinfo import SlotInfo


class CareReader:
    """Reads on one namespace of one server. Every method may raise StoreError."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        self.channel = channel
        self.namespace = namespace

    def _keys(self, queue: str) -> QueueKeys:
        return queue_keys(self.namespace, queue)

    def queues(self) -> list[str]:
        """The names of all queues that ever had a job or a runner.

        Raises:
            SchemaTooNew: a newer exqueue has written them, so that what we read of them could be wrong.
        """
        found, names = self.channel.ask([("GET", schema_key(self.namespace)), ("SMEMBERS", registry_key(self.namespace))])
        heed(parse_schema(found, self.namespace), self.namespace)
        return sorted(name.decode("utf-8", "replace") for name in names)

    def schema(self) -> int:
        """The number of the schema of the data; see `model.schema.SCHEMA` for the one that we write."""
        return read_schema(self.channel, self.namespace)

    def slots(self, queue: str) -> list[SlotInfo]:
        """The open slots: worker processes that live, or have not been found dead yet."""
        found = pairs(self.channel.ask([("HGETALL", self._keys(queue)["slots"])])[0])
        return [SlotInfo.decode(slot.decode("utf-8", "replace"), info) for slot, info in found]

    def graves(self, queue: str) -> list[str]:
        """The closed slots that are still swept."""
        return [slot.decode("utf-8", "replace") for slot in self.channel.ask([("HKEYS", self._keys(queue)["graves"])])[0]]

    def presumed_dead(self, queue: str) -> list[SlotInfo]:
        """The closed slots whose processes nobody has seen dead: they may have been frozen, or cut off."""
        found = pairs(self.channel.ask([("HGETALL", self._keys(queue)["graves"])])[0])
        owners = [(slot.decode("utf-8", "replace"), grave.split(b" ", 2)) for slot, grave in found]
        return [SlotInfo.decode(slot, words[2]) for slot, words in owners if len(words) == 3]

    def beats(self, queue: str) -> dict[str, str]:
        """What each runner has bumped its counter to."""
        found = pairs(self.channel.ask([("HGETALL", self._keys(queue)["beats"])])[0])
        return {runner.decode("utf-8", "replace"): beat.decode("utf-8", "replace") for runner, beat in found}

    def held(self, queue: str, slots: Sequence[str]) -> dict[str, list[str]]:
        """The ids in the processing lists of these slots; slots that hold nothing, not even a bell, are left out."""
        if not slots:
            return {}
        keys = self._keys(queue)
        lists = self.channel.ask([("LRANGE", keys.processing(slot), 0, 99) for slot in slots])
        found = zip(slots, lists, strict=True)
        return {slot: [text_id(job_id) for job_id in ids if job_id != BELL] for slot, ids in found if ids}

    def outbox(self, queue: str, job_id: str | None = None) -> dict[str, bytes]:
        """What is to follow a job that has succeeded, or all such jobs, and is not enqueued yet."""
        key = self._keys(queue)["outbox"]
        if job_id is not None:
            chain = self.channel.ask([("HGET", key, raw_id(job_id))])[0]
            return {} if chain is None else {job_id: chain}
        return {text_id(other): chain for page in hash_pages(self.channel, key, 100) for other, chain in page}

    def stops(self, queue: str) -> dict[str, str]:
        """The jobs that run and shall be stopped: id -> the token of the start that is meant."""
        keys = self._keys(queue)
        noted = pairs(self.channel.ask([("HGETALL", keys["stops"])])[0])
        if not noted:
            return {}
        runs = self.channel.ask([("HMGET", keys["runs"], *(job_id for job_id, _ in noted))])[0]
        found = [
            (text_id(job_id), token.decode("utf-8", "replace"), Run.decode(run)) for (job_id, token), run in zip(noted, runs, strict=True)
        ]
        return {job_id: token for job_id, token, run in found if run.token and run.token == token}

    def schedules(self, queue: str) -> tuple[int, dict[str, Recorded]]:
        """The clock of Redis, ms since 1970, and what is recorded of the schedules of a queue, by worker; one request."""
        time, found = self.channel.ask([("TIME",), ("HGETALL", self._keys(queue)["schedules"])])
        read = {worker.decode("utf-8", "replace"): Recorded.decode(raw) for worker, raw in pairs(found)}
        return to_ms(time), {worker: record for worker, record in read.items() if record}

    def server_info(self) -> dict[str, str]:
        """What INFO says of the server."""
        lines = self.channel.ask([("INFO", "server")])[0].decode("utf-8", "replace").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def now_ms(self) -> int:
        """The clock of Redis, ms since 1970: the one by which jobs are due."""
        return to_ms(self.channel.ask([("TIME",)])[0])


def to_ms(time: Sequence[bytes | int]) -> int:
    """What TIME answers, in ms since 1970."""
    seconds, micros = map(int, time)
    return seconds * 1000 + micros // 1000


def hash_pages(channel: Channel, key: str, count: int) -> Iterator[list[tuple[bytes, bytes]]]:
    """The fields and values of a hash, about so many at a time, in no order; some may come twice."""
    cursor: Any = 0
    while True:
        cursor, found = channel.ask([("HSCAN", key, cursor, "COUNT", count)])[0]
        yield pairs(found)
        if int(cursor) == 0:
            return


def pairs(flat: Any) -> list[tuple[bytes, bytes]]:
    """HGETALL is a flat list in RESP2, but a dict from some stand-ins."""
    return list(flat.items()) if isinstance(flat, dict) else list(zip(flat[::2], flat[1::2], strict=True))
