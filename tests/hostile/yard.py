"""A queue that has jobs in all places, made once, copied for each round."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from exqueue.app import Exqueue
from exqueue.model.job import Claim, ErrorInfo, Progress
from exqueue.model.policy import Fail, Retry
from exqueue.store.keys import KINDS, registry_key
from tests.hostile.workers import Next, Note

OOPS: Final = ErrorInfo("error", "ValueError", "no such customer", "Traceback", 1, 2, "here")
QUEUE: Final = "Note"


@dataclass(frozen=True)
class Healthy:
    """What the queue is made of. `dumps`: key -> DUMP; `keys`: job -> its ordering key; `places`: job -> place."""

    dumps: dict[bytes, bytes]
    keys: dict[str, str]
    places: dict[str, str]


class Yard:
    """The queue `Note` of an app, with about sixty jobs."""

    def __init__(self, app: Exqueue) -> None:
        self.app = app
        self._numbers = iter(range(1, 10**9))

    def ask(self, *command: Any) -> Any:
        """A plain command."""
        return self.app.channel.ask([command])[0]

    def name(self, key: str) -> str:
        """A key of the queue."""
        return self.app.store.keys(QUEUE)[key]

    def build(self) -> Healthy:
        """Jobs in every place, with everything a job can have."""
        app = self.app
        self._settle([f"f{n}" for n in range(8)], lambda claim: app.store.apply(claim, "s", Fail(OOPS)))
        self._settle([f"t{n}" for n in range(4)], lambda claim: app.store.apply(claim, "s", Retry(3600, OOPS)))
        for kind, result in ((b"\x11", b'{"a": 1}'), (b"\x12", b"pickled"), (b"\x13", b"too large")):
            sealed = app.envelope().close_result(QUEUE, f"r{kind[0]}", kind + result)
            end = functools.partial(app.store.complete, slot="s", next_token="", keep_ms=10**9, result=sealed)
            self._settle([f"r{kind[0]}"], end)
        app.enqueue(Note.options(id="o", then=[Next.options(id="after-o").call("o")]), "o")
        app.store.complete(self._claim(), "s", "")  # what follows it waits in the outbox
        app.enqueue(Note.options(id="h"), "h")
        app.store.report(self._claim("held"), Progress(0.5, "half", 1))
        for n in range(20):
            app.enqueue(Note.options(id=f"p{n}"), f"p{n}")
        for n in range(12):
            app.enqueue(Note.options(id=f"k{n}", key="ABC"[n % 3]), f"k{n}")
        for n in range(4):
            app.enqueue(Note.options(id=f"c{n}", then=[Next.options(id=f"after-c{n}").call(n)]), f"c{n}")
            app.enqueue(Note.options(id=f"d{n}", delay=3600), f"d{n}")
            app.enqueue(Note.options(id=f"u{n}", unique=f"unique-{n}", priority=n - 2, expires=3600), f"u{n}")
        app.store.schedule(QUEUE, "tests.hostile.workers:Note", 1_700_000_000_000, "UTC 0 0 1 1 *")
        return self._photograph()

    def restore(self, healthy: Healthy, key: str = "") -> None:
        """As it was when it was built; all of it, or one key."""
        found = [self.name(key)] if key else self.ask("KEYS", f"{self.app.settings.namespace}:*")
        copies = [("RESTORE", name, 0, dump) for name, dump in healthy.dumps.items() if not key or name.decode() == self.name(key)]
        self.app.channel.ask([("DEL", "nothing", *found), *copies])

    def _photograph(self) -> Healthy:
        found = self.ask("KEYS", f"{self.app.settings.namespace}:*")
        dumps = dict(zip(found, self.app.channel.ask([("DUMP", key) for key in found]), strict=True))
        records = [record for job_id in self.app.reader.ids(QUEUE) if (record := self.app.reader.find(QUEUE, job_id))]
        assert {key.rpartition("}:")[2].partition(":")[0] for key in map(bytes.decode, found)} >= set(KINDS) - {
            "ranked", "blocked", "control", "starts", "bell", "stops", "graves", "older",
        }  # fmt: skip
        assert self.ask("TYPE", registry_key(self.app.settings.namespace)) in (b"set", "set")
        return Healthy(dumps, {record.id: record.terms.key for record in records}, {record.id: record.place.value for record in records})

    def _settle(self, ids: list[str], end: Callable[[Claim], object]) -> None:
        for job_id in ids:
            self.app.enqueue(Note.options(id=job_id), job_id)
            end(self._claim())

    def _claim(self, slot: str = "s") -> Claim:
        self.app.store.register(QUEUE, slot, "{}", "r")
        found = self.app.store.claim(QUEUE, slot, f"{slot}/{next(self._numbers)}")
        assert isinstance(found, Claim)
        return found
