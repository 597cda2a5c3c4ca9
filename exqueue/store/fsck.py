"""Whether the invariants hold, looked at while runners work: page by page, and each page at one moment.

Every finding rests on one answer of one step, so that a job which moves meanwhile is none. What takes memory is one
number for each job in `pending`; all else is a page at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from exqueue.model.chain import decode_chain
from exqueue.model.errors import ChainUnreadable
from exqueue.model.text import one_line
from exqueue.store.audit import Auditor
from exqueue.store.base import BATCH, Steps
from exqueue.store.care_reads import to_ms
from exqueue.store.keys import BELL
from exqueue.store.keyspace import Keyspace
from exqueue.store.replies import text_id
from exqueue.store.rules import BY_HAND, Finding, Slots, of_job, of_tally
from exqueue.store.slotinfo import SlotInfo
from exqueue.store.views import DIGITS, FAR, View, counted_to, digits_of, seq_of

PAGE: Final = 500
LOOKED_AT: Final = ("terms", "bodies", "runs", "errors", "chains", "results", "progress", "ranked", "delayed", "failed", "done")


def check(steps: Steps, queues: Sequence[str] | None = None, *, scan: bool = True) -> Iterator[Finding]:
    """All that is not as it must be, in these queues or in all; empty when all is well.

    `scan`: look through the keys of the whole server, too, for those that nobody knows of.

    Raises:
        StoreError: Redis cannot be reached, or refuses.
    """
    space = Keyspace(steps, queues, scan=scan)
    yield from space.findings()
    for queue in space.whole:
        yield from Check(steps, queue, space.lists(queue)).findings()


class Check:
    """One look over one queue."""

    def __init__(self, steps: Steps, queue: str, lists: Iterable[str] = ()) -> None:
        self.auditor = Auditor(steps, queue, tuple(lists))
        self.queue = queue
        self._line: set[int] = set()  # hashes of the ids in pending
        self._newest = self._began = 0
        self._suspects: list[bytes] = []

    def findings(self) -> Iterator[Finding]:
        """What is found, each once."""
        told = set()
        for finding in self._all():
            if (finding.invariant, finding.key, finding.line) not in told:
                told.add((finding.invariant, finding.key, finding.line))
                yield finding

    def _all(self) -> Iterator[Finding]:
        slots = self.auditor.look_again()
        yield from self._nobodys_slots(slots)
        yield from self._read_line()
        newest = self._newest
        for page in self.auditor.pages("jobs"):
            ids = [job_id for job_id, _ in page]
            newest = max([newest, *(seq_of(header) for _, header in page if len(digits_of(header)) <= FAR)])
            yield from self._too_far([job_id for job_id, header in page if len(digits_of(header)) > FAR])
            for start in range(0, len(ids), BATCH):
                self._suspects += self._suspicious(self.auditor.audit(ids[start : start + BATCH], exact=False))
            yield from self._confirmed()
        yield from self._entries()
        yield from self._confirmed()
        yield from self._chains()
        yield from of_tally(self.queue, self.auditor.tally(), newest)

    def _nobodys_slots(self, slots: Slots) -> Iterator[Finding]:
        for slot in sorted(slots.unknown):
            line = f"the processing list of {one_line(slot)} belongs to no slot, open or closed"
            yield Finding(self.queue, "slot", slot, line, "recover")
        for page in self.auditor.pages("slots"):
            for slot in (text_id(slot) for slot, raw in page if SlotInfo.read(text_id(slot), raw) is None):
                yield Finding(self.queue, "owner", slot, f"slot {one_line(slot)} does not say whose it is", "", BY_HAND["owner"])

    def _read_line(self) -> Iterator[Finding]:
        """Remember who is in `pending`, from its end to its head: what is claimed meanwhile does not shift what is left to read."""
        keys, ask = self.auditor.keys(self.queue), self.auditor.channel.ask
        time, seq = ask([("TIME",), ("HGET", keys["counters"], "seq")])
        self._began, self._newest = to_ms(time), counted_to(seq)
        order, at = Order(), 0
        later: list[bytes] = []
        while page := ask([("LRANGE", keys["pending"], -at - PAGE, -at - 1)])[0]:
            at += PAGE
            ids = [job_id for job_id in without_overlap(page, later) if job_id != BELL]
            headers = ask([("HMGET", keys["jobs"], *ids)])[0] if ids else []
            for job_id, header in zip(reversed(ids), reversed(headers), strict=True):
                if header is None or hash(job_id) in self._line:
                    self._suspects.append(job_id)
                self._line.add(hash(job_id))
                order.add(job_id, seq_of(header))
            later = page
        yield from self._confirmed()
        yield from self._out_of_order(order.done())

    def _out_of_order(self, pairs: list[tuple[bytes, bytes]]) -> Iterator[Finding]:
        """`pairs`: a job that stands at a wrong place, and the one behind or before it that shows it."""
        for wrong, other in pairs:
            one, two = self.auditor.audit([wrong, other], exact=True)
            if one.header and two.header and one.line and two.line and (one.line[0] - two.line[0]) * (one.seq - two.seq) < 0:
                line = f"{one_line(one.name)} stands in pending with number {one.seq}, though {one_line(two.name)} there has {two.seq}"
                yield Finding(self.queue, "order", one.name, line, "reorder", "", (one.id,))

    def _too_far(self, ids: list[bytes]) -> Iterator[Finding]:
        """Those with a number that the line has never come to: the counter, which only rises, is read after them."""
        if not ids:
            return
        keys = self.auditor.keys(self.queue)
        headers, seq = self.auditor.channel.ask([("HMGET", keys["jobs"], *ids), ("HGET", keys["counters"], "seq")])
        for job_id, digits in zip(ids, map(digits_of, headers), strict=True):
            if len(digits) > FAR and (len(digits) > DIGITS or int(digits) > counted_to(seq)):
                name, told = one_line(text_id(job_id)), one_line(digits.decode(), 40)
                line = f"{name} has number {told} of the line, to which that has never come"
                yield Finding(self.queue, "seq", text_id(job_id), line, "reorder", "", (job_id,))

    def _suspicious(self, views: list[View]) -> list[bytes]:
        """Those with which something may be wrong. What has come to the line, or was claimed, since we began is not looked for there."""
        found = []
        for view in views:
            waits = hash(view.id) in self._line and (not view.places or view.state.since <= self._began)
            joined = not view.places and view.seq > self._newest
            assumed = replace(view, line=(0,)) if waits or joined else view
            if view.header is None or next(of_job(self.queue, assumed), None):
                found.append(view.id)
        return found

    def _confirmed(self) -> Iterator[Finding]:
        """What is wrong with the suspects, each looked at by itself."""
        ids, self._suspects = list(dict.fromkeys(self._suspects)), []
        for start in range(0, len(ids), BATCH):
            for view in self.auditor.audit(ids[start : start + BATCH], exact=True):
                yield from of_job(self.queue, view)

    def _entries(self) -> Iterator[Finding]:
        """What is in a key, but belongs to no job."""
        sizes = self.auditor.sizes(("heads", "uniques", "blocked", "waiting", *LOOKED_AT))
        for name in (name for name, size in sizes.items() if size):
            for field, value in self.auditor.strays(name):
                if name in LOOKED_AT:
                    self._suspects.append(field)
                else:
                    yield from self._stray_name(name, field, value)
            yield from self._confirmed()

    def _stray_name(self, name: str, field: bytes, value: bytes) -> Iterator[Finding]:
        """An entry of `heads`, `uniques`, `blocked` or `waiting`."""
        entry, key = f"{name} has {one_line(text_id(field))}", text_id(field)
        job_id = field.split(b" ", 2)[-1] if name == "waiting" else value
        view = self.auditor.audit([job_id], exact=True)[0] if name != "blocked" else None
        if view is None or not (view.may_wait if name == "waiting" else view.may_hold_names):
            yield Finding(self.queue, name, key, f"{entry}, which leads nowhere", "strip", "", (name, field, value))
        elif name == "waiting":
            given = (job_id, field.partition(b" ")[0])
            yield Finding(self.queue, "terms", view.name, f"{entry}, but {one_line(view.name)} has no terms", "retie", "", given)
        else:
            lacks = "has no terms" if view.terms is None else "has terms that cannot be read"
            yield Finding(self.queue, "terms", view.name, f"{entry}: {one_line(view.name)}, but that {lacks}", "", BY_HAND["terms"])

    def _chains(self) -> Iterator[Finding]:
        for name in ("chains", "outbox"):
            for page in self.auditor.pages(name, 10):
                for job_id, raw in page:
                    try:
                        decode_chain(raw)
                    except ChainUnreadable:
                        line = f"what is to follow {one_line(text_id(job_id))} cannot be read ({name})"
                        yield Finding(self.queue, "chain", text_id(job_id), line, "", BY_HAND["chain"])


class Order:
    """Ids and their numbers, from the end of a line to its head: which of them stand at a wrong place."""

    def __init__(self) -> None:
        self._behind: list[tuple[int, bytes]] = []  # the last two that stand right, the nearer one last
        self._doubt: tuple[int, bytes] | None = None
        self._wrong: list[tuple[bytes, bytes]] = []

    def add(self, job_id: bytes, seq: int) -> None:
        """The next one before those that were added."""
        if self._doubt is not None:
            self._decide(seq)
        if self._behind and seq > self._behind[-1][0]:
            self._doubt = (seq, job_id)  # it or the one behind: who stands before them will tell
        else:
            self._behind = [*self._behind[-1:], (seq, job_id)]

    def done(self) -> list[tuple[bytes, bytes]]:
        """For each that stands wrong: itself, and one that shows it."""
        if self._doubt is not None:
            self._decide(0)
        return self._wrong

    def _decide(self, before: int) -> None:
        assert self._doubt is not None  # noqa: S101 (for mypy)
        doubt, self._doubt = self._doubt, None
        low = self._behind[-1]
        if before <= low[0] or (len(self._behind) > 1 and doubt[0] > self._behind[0][0]):
            self._wrong.append((doubt[1], low[1]))
        else:
            self._wrong.append((low[1], doubt[1]))
            self._behind = [*self._behind[:-1], doubt]


def without_overlap(page: list[bytes], later: list[bytes]) -> list[bytes]:
    """What is new in a page that was read from the end, after the one `later`: if entries were added behind, it repeats some."""
    for at in (at for at, job_id in enumerate(page) if later and job_id == later[0]):
        if page[at:] == later[: len(page) - at]:
            return page[:at]
    return page
