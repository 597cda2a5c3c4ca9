"""The steps by which a queue is looked over, while everything in it moves. None of them changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from exqueue.model.errors import StoreError
from exqueue.model.text import one_line
from exqueue.store.base import BATCH, Steps
from exqueue.store.care_reads import hash_pages
from exqueue.store.keys import KINDS
from exqueue.store.replies import text_id
from exqueue.store.rules import Slots
from exqueue.store.scripts import script
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.views import Tally, View

LOOKED_THROUGH: Final = 1_000_000  # entries of `pending` that one step may look through: about 20 ms
LONGEST: Final = 86_400.0  # seconds of a lease; what says more was not written by a runner that anybody would wait for
PATIENCE: Final = 50  # how often slots may be opened while they are listed


class Auditor(Steps):
    """What is in one queue. Every method may raise StoreError."""

    def __init__(self, steps: Steps, queue: str, unknown: Sequence[str] = ()) -> None:
        super().__init__(steps.channel, steps.namespace)
        self.queue = queue
        self.slots = Slots(frozenset(), frozenset(), frozenset(unknown))
        self._seen = frozenset(unknown)

    def look_again(self) -> Slots:
        """Learn which slots there are."""
        keys = self.keys(self.queue)
        found = self.channel.ask([("HKEYS", keys[name]) for name in ("slots", "graves", "settled")])
        opened, graves, settled = (frozenset(map(text_id, names)) for names in found)
        self.slots = Slots(opened, graves, self._seen - opened - graves, settled - {"by hand"})
        return self.slots

    def learn(self, slots: Iterable[str]) -> None:
        """There may be lists of these slots, too."""
        self._seen |= frozenset(slots)
        self.look_again()

    def audit(self, ids: Sequence[bytes], *, exact: bool) -> list[View]:
        """What there is under these ids; with `exact`, also whether they are in `pending`."""
        at_once = BATCH
        if exact:
            at_once = max(2, min(BATCH, LOOKED_THROUGH // (1 + self.channel.ask([("LLEN", self.keys(self.queue)["pending"])])[0])))
        views = []
        for start in range(0, len(ids), at_once):
            some = tuple(ids[start : start + at_once])
            rows = self.settled("audit", some, exact="1" if exact else "")
            views += [View.read(job_id, row) for job_id, row in zip(some, rows, strict=True)]
        return views

    def tally(self) -> Tally:
        """How many are where."""
        return Tally.read(self.settled("tally"))

    def strays(self, name: str) -> Iterator[tuple[bytes, bytes]]:
        """The entries of a key that belong to nothing: field and, of heads and unique names, the id."""
        which, cursor = 1 + script("strays").keys.index(name), b"0"
        while True:
            _, cursor, *flat = self._run("strays", self.queue, which=which, cursor=cursor, count=BATCH)
            yield from zip(flat[::2], flat[1::2], strict=True)
            if int(cursor) == 0:
                return

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """How many entries these keys have."""
        found = self.channel.ask([("HLEN" if KINDS[name] == "hash" else "ZCARD", self.keys(self.queue)[name]) for name in names])
        return dict(zip(names, found, strict=True))

    def pages(self, name: str, count: int = BATCH) -> Iterator[list[tuple[bytes, bytes]]]:
        """The fields and values of a hash, a page at a time."""
        return hash_pages(self.channel, self.keys(self.queue)[name], count)

    def longest_lease(self) -> float:
        """Of the runners whose slots are open, in seconds; 0 if none says one that can be waited for."""
        infos = [SlotInfo.decode(text_id(slot), raw) for page in self.pages("slots") for slot, raw in page]
        return max((info.lease for info in infos if 0 <= info.lease <= LONGEST), default=0.0)

    def settled(self, step: str, rest: tuple[str | bytes, ...] = (), **argv: Any) -> list[Any]:
        """What a step answers that is given the processing lists of all slots there are, its first word left out.

        Raises:
            StoreError: slots are opened faster than they can be listed.
        """
        for _ in range(PATIENCE):
            reply = self._run(step, self.queue, rest=rest, slots=self.slots.all, **argv)
            if reply[0] != b"changed":
                return reply[1:]
            self.look_again()
        raise StoreError(f"the slots of queue {one_line(self.queue)!r} change too fast to be looked at; try again")
