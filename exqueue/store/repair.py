"""Set right what is provably safe to set right while runners work. Each step looks again at what it is about to change.

What `fsck` has found is only where to look: between the look and the step everything may have moved, and a step that
finds nothing wrong any more does nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from exqueue.model import policy as verdicts
from exqueue.model.job import ErrorInfo
from exqueue.store.audit import Auditor
from exqueue.store.fsck import check
from exqueue.store.replies import text_id
from exqueue.store.rules import Finding
from exqueue.store.steps import Store

AT_ONCE: Final = 10_000  # findings a round: each is some hundred bytes
ROUNDS: Final = 1000
BATCHES: Final = {"relocate": 100, "strip": 100, "retie": 50, "reorder": 100}
ORDER: Final = ("announce", "persist", "terms", "recover", "relocate", "retie", "strip", "recount", "reorder")
DID: Final = {"strip": "dropped", "reorder": "at its place"}


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was wrong, and what was done: where the job is now, or what was changed."""

    finding: Finding
    did: str


class Repair:
    """Repairs of some queues, or of all.

    `wait`: lets a whole lease pass, the longest there is, so that a process whose slot nobody knows is dead, or has shown that it lives.
    """

    def __init__(self, store: Store, queues: Sequence[str] | None = None, wait: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._queues = queues
        self._wait = wait
        self._long_gone: frozenset[str] = frozenset()  # lines that were found before the lease

    def run(self) -> Iterator[Repaired]:
        """Repair until nothing is left that can be. What remains, `check` lists."""
        yield from self._rounds()
        left = frozenset(finding.line for finding in self._found() if finding.repair in ("relocate", "recover"))
        if left:
            self._wait()
            self._long_gone = left
            yield from self._rounds()

    def _rounds(self) -> Iterator[Repaired]:
        for _ in range(ROUNDS):  # one repair can show what another is for: terms first, then the place they stand for
            done = list(self._round(list(islice(self._found(), AT_ONCE))))
            yield from done
            if not done:
                return

    def _found(self) -> Iterator[Finding]:
        return (finding for finding in check(self._store, self._queues) if finding.repairable)

    def _round(self, findings: list[Finding]) -> Iterator[Repaired]:
        groups: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
        unknown: defaultdict[str, list[str]] = defaultdict(list)  # slots; their lists count for every step
        for finding in findings:
            groups[finding.queue, "terms" if finding.invariant == "terms" else finding.repair].append(finding)
            if finding.invariant == "slot":
                unknown[finding.queue].append(finding.key)
        for queue, step in sorted(groups, key=lambda group: (group[0], ORDER.index(group[1]))):
            auditor = Auditor(self._store, queue, unknown[queue])
            auditor.look_again()
            yield from self._apply(auditor, "retie" if step == "terms" else step, groups[queue, step])

    def _apply(self, auditor: Auditor, step: str, findings: list[Finding]) -> Iterator[Repaired]:
        queue = auditor.queue
        match step:
            case "announce":
                self._store.announce(queue)
                yield Repaired(findings[0], "announced")
            case "persist" if not queue:
                self._store.channel.ask([("PERSIST", finding.key) for finding in findings])
                yield from (Repaired(finding, "persists") for finding in findings)
            case "persist":
                if auditor.settled("persist")[0]:
                    yield from (Repaired(finding, "persists") for finding in findings)
            case "recover":
                yield from (Repaired(finding, "in line") for finding in findings if self._recover(auditor, finding))
            case "recount":
                yield from self._recount(auditor, findings)
            case _:
                yield from self._each(auditor, step, findings)

    def _each(self, auditor: Auditor, step: str, findings: list[Finding]) -> Iterator[Repaired]:
        """A step that is told of many: `given` for each, and answers a word for each, empty or 0 where it did nothing."""
        lost = ErrorInfo("lost", "JobLost", "it was found in no place of its queue", when=time.time_ns() // 1_000_000).encode()
        for old in (False, True):
            some = list({finding.given: finding for finding in findings if (finding.line in self._long_gone) == old}.values())
            argv: dict[str, Any] = {"error": lost} if step in ("relocate", "strip") else {}
            if step == "relocate":
                argv["long_gone"] = "1" if old else ""
            for start in range(0, len(some), BATCHES[step]):
                batch = some[start : start + BATCHES[step]]
                rest = tuple(word for finding in batch for word in finding.given)
                if argv.get("long_gone"):  # by tokens: whose slot has no list any more
                    auditor.learn(view.claimed_by for view in auditor.audit([one for one in rest if isinstance(one, bytes)], exact=False))
                for finding, did in zip(batch, auditor.settled(step, rest, **argv), strict=True):
                    if did:
                        yield Repaired(finding, text_id(did) if isinstance(did, bytes) else DID[step])

    def _recover(self, auditor: Auditor, finding: Finding) -> bool:
        """Take back what a slot holds that nobody knows; what was claimed there only after a lease."""
        queue, slot = finding.queue, finding.key
        started, verdict = ("", ""), None
        if finding.line in self._long_gone:
            ids = self._store.channel.ask([("LRANGE", self._store.keys(queue).processing(slot), 0, 99)])[0]
            for view in auditor.audit(ids, exact=False):
                if view.state.slot == slot:
                    started = (view.name, view.state.token)
                    verdict = verdicts.Recover(ErrorInfo("crashed", "WorkerProcessDied", "its slot was unknown", when=view.state.since))
        return self._store.recover(queue, slot, "", "", started, verdict) == "recovered"

    @staticmethod
    def _recount(auditor: Auditor, findings: list[Finding]) -> Iterator[Repaired]:
        newest = max((int(str(finding.given[0])) for finding in findings if finding.given), default=0)
        changed = auditor.settled("recount", newest=newest)
        parts = [(text_id(name), text_id(was), text_id(now)) for name, was, now in zip(*[iter(changed)] * 3, strict=True)]
        told = ", ".join(f"{name} {was} -> {now}" for name, was, now in parts if name != "bell")
        rung = ["taken away" if now == "0" else "rung" for name, _, now in parts if name == "bell"]
        for finding in findings:
            if did := (", ".join(rung) if finding.invariant == "bell" else told):
                yield Repaired(finding, did)
