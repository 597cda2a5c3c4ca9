"""A queue in the store beside one of the model, and all that can be done to both."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from exqueue.app import Exqueue
from exqueue.model.chain import NewJob
from exqueue.model.job import Claim, Progress, Terms
from exqueue.model.lifecycle import Place
from exqueue.model.policy import Fail, Recover, Settling
from exqueue.model.settings import Settings
from exqueue.store.channel import Channel
from exqueue.store.invariants import broken
from exqueue.store.keys import BELL
from exqueue.store.replies import Settled, Stale
from tests.conftest import fake_channel
from tests.store import compare
from tests.store.kit import BODY, CRASH, DISCARD, FAIL, HEADER, RELEASE, RETRY, SNOOZE, UNSPENT, Bench
from tests.store.queue_model import DEATHS, VERDICTS, QueueModel

LATE: Final = 60_000  # ms; never due in a test unless its time is set
DAY: Final = 86_400_000  # ms
SETTLE: Final[dict[str, Settling]] = {
    "retry": RETRY, "snooze": SNOOZE, "release": RELEASE, "fail": FAIL, "unspent": UNSPENT, "discard": DISCARD,
}  # fmt: skip
DIE: Final[dict[str, Recover | Fail]] = {"crash": Recover(CRASH), "poison": Fail(CRASH)}

Both = tuple[object, object]  # what the store answered, and what the model did

nth = st.integers(0, 4)  # slots and starts by their age, 0 is the newest; after the open slots the one that was closed last
some = st.lists(st.integers(0, 7), min_size=1, max_size=5, unique=True)  # jobs by their age
yes = st.booleans()
rarely = st.sampled_from([False, False, False, True])


def step(weight: int, needs: str = "", **given: st.SearchStrategy[Any]) -> Callable[[Callable[..., Both]], Any]:
    """A method that writes down that it was called, as a line of a program, and checks what it has done.

    `weight`: how often it is chosen. `needs`: something of the machine that must not be empty.
    """

    def decorate(function: Callable[..., Both]) -> Any:
        @functools.wraps(function)
        def checked(machine: QueueMachine, **chosen: Any) -> None:
            machine.program.append(f"state.{function.__name__}({', '.join(f'{name}={value!r}' for name, value in chosen.items())})")
            machine.check(*function(machine, **chosen))

        checked.step = (function.__name__, weight, needs, st.fixed_dictionaries(given))  # type: ignore[attr-defined]
        return checked

    return decorate


class QueueMachine(RuleBasedStateMachine):
    """`program`: the steps so far. One rule chooses them: of many, hypothesis leaves out half in most programs."""

    def __init__(self, channel: Channel | None = None) -> None:
        super().__init__()
        self.bench = Bench(Exqueue(settings=Settings(namespace=f"t{uuid.uuid4().hex[:12]}"), channel=channel or fake_channel()))
        self.store, self.model, self.limits = self.bench.store, QueueModel(), ""
        self.program: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.slots: list[str] = []
        self.starts: list[tuple[str, Claim]] = []
        self.clock = self.tokens = 0

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        possible = [one for one in STEPS for _ in range(one[1]) if not one[2] or getattr(self, one[2])]
        name, _, _, given = data.draw(st.sampled_from(possible)) if self.program else self.begin.step
        getattr(self, name)(**data.draw(given))

    @step(0, most=st.sampled_from([0, 0, 1, 2]), rate=st.sampled_from([0, 0, 0, 3]))
    def begin(self, most: int, rate: int) -> Both:
        self.model = QueueModel(most=most, rate=rate)
        self.limits = f"{most} {rate} {DAY}" if most or rate else ""
        return self._open()

    @step(6, key=st.sampled_from(["", "a", "a", "a", "b"]), priority=st.sampled_from([0, 0, 1, -1]), blocks=yes,
          unique=st.sampled_from(["", "", "", "", "u"]), chained=yes, later=rarely, count=st.integers(1, 3))  # fmt: skip
    def put(self, key: str, priority: int, blocks: bool, unique: str, chained: bool, later: bool, count: int) -> Both:
        ids = [f"j{len(self.ids) + n}" for n in range(1, count + 1)]
        self.ids += ids
        return self._enqueue(ids, Terms(key, priority, blocks and bool(key), unique, 0, chained), later)

    @step(1, "ids", ids=some, later=rarely)
    def put_again(self, ids: list[int], later: bool) -> Both:
        return self._enqueue(self._named(ids), Terms("b"), later)

    def _enqueue(self, ids: list[str], terms: Terms, later: bool) -> Both:
        new = [NewJob(job_id, HEADER, BODY, terms.encode(), b"[]" if terms.chained else b"") for job_id in ids]
        known = self.store.enqueue("q", new, f"+{LATE}" if later else "")
        return known, [self.model.enqueue(job_id, terms, later=later) for job_id in ids]

    @step(2)
    def open(self) -> Both:
        return self._open() if len(self.model.slots) < 3 else (None, None)

    def _open(self) -> Both:
        self.slots.append(f"s{len(self.slots) + 1}")
        return self.bench.open(self.slots[-1]), self.model.open(self.slots[-1])  # type: ignore[func-returns-value]

    @step(3, slot=nth)
    def move(self, slot: int) -> Both:
        """A BLMOVE whose process has not claimed yet, and may never; also a late one, into a closed slot."""
        job_id = self._move("pending", slot)
        return None, None if job_id in (None, BELL) else self.model.move(self._slot(slot), job_id.decode())  # type: ignore[func-returns-value]

    @step(1, slot=nth)
    def hear(self, slot: int) -> Both:
        """A bell has woken a process that found the queue closed."""
        self.model.bell -= self._move("bell", slot) == BELL
        return None, None

    def _move(self, source: str, slot: int) -> Any:
        name = self._slot(slot)
        if name not in self.model.held:  # it is buried: nothing comes to it any more
            return None
        return self.bench.ask("LMOVE", self.bench.keys[source], self.bench.keys.processing(name), "LEFT", "RIGHT")

    @step(9, slot=nth)
    def claim(self, slot: int) -> Both:
        return self._claim(self._slot(slot))

    def _claim(self, slot: str) -> Both:
        token = self._token(slot)
        return self._told(slot, self.store.claim("q", slot, token, self.limits)), self.model.claim(slot, token)

    @step(5, slot=nth, verdict=st.sampled_from(sorted(VERDICTS)))
    def claim_and_settle(self, slot: int, verdict: str) -> Both:
        claimed, expected = self._claim(self._slot(slot))
        settled = self._settle(0, verdict) if self.starts else (None, None)
        return (claimed, settled[0]), (expected, settled[1])

    @step(4, "starts", start=nth, verdict=st.sampled_from(sorted(VERDICTS)))
    def settle(self, start: int, verdict: str) -> Both:
        """By whoever it was given to, also when it is not theirs any more, or for the second time."""
        return self._settle(start, verdict)

    def _settle(self, start: int, verdict: str) -> Both:
        slot, claim = self._start(start)
        expected = self.model.settle(compare.start_of(slot, claim), verdict)
        return self.store.apply(claim, slot, SETTLE[verdict]), expected

    @step(6, "starts", start=nth, keep=yes, and_claim=yes)
    def complete(self, start: int, keep: bool, and_claim: bool) -> Both:
        slot, claim = self._start(start)
        token = self._token(slot) if and_claim else ""
        expected = self.model.complete(compare.start_of(slot, claim), token, keep=keep)
        reply = self.store.complete(claim, slot, token, self.limits, keep_ms=LATE if keep else 0, result=b"result")
        return self._told(slot, reply), expected

    @step(1, "starts", start=nth)
    def report(self, start: int) -> Both:
        """It changes nothing, but the job is no plain one from now on."""
        _, claim = self._start(start)
        runs = claim.id in self.model.jobs and self.model.jobs[claim.id].token == claim.token
        return self.store.report(claim, Progress(0.5, "half", 1)), Settled() if runs else Stale()

    @step(2, slot=nth, start=nth, death=st.sampled_from(sorted(DEATHS)))
    def recover(self, slot: int, start: int, death: str) -> Both:
        """A process is taken for dead; also a second time, and with another start than the one it is at."""
        name, claim = self._slot(slot), self._start(start)[1] if self.starts else None
        started = (claim.id, claim.token) if claim else ("", "")
        answers = self.store.recover("q", name, "r", "", started, DIE[death]), self.model.recover(name, started, death)
        if not self.model.slots:
            self._open()
        return answers

    @step(1, slot=nth)
    def bury(self, slot: int) -> Both:
        name = self._slot(slot)
        if name not in self.model.held or name in self.model.slots:
            return None, None
        rung = BELL in self.bench.ask("LRANGE", self.bench.keys.processing(name), 0, -1)
        return self.store.bury("q", name, 0), not rung and self.model.bury(name)

    @step(3, "ids", ids=some)
    def time_comes(self, ids: list[int]) -> Both:
        """For those that are delayed, or done and kept; in this order."""
        for job in self.model.those(self._named(ids), Place.DELAYED, Place.DONE):
            job.due = self.clock = self.clock + 1
            self.bench.ask("ZADD", self.bench.keys[job.place.value], job.due, job.id)
        return None, None

    @step(3, "clock", limit=st.integers(1, 3))
    def promote(self, limit: int) -> Both:
        return self.store.promote("q", limit)[0], self.model.promote(limit)

    @step(1, "clock", limit=st.integers(1, 3))
    def purge(self, limit: int) -> Both:
        return self.store.purge("q", limit), self.model.purge(limit)

    @step(6, "ids", act=st.sampled_from(["requeue", "requeue", "skip", "delete", "cancel"]), ids=some)
    def ask_for(self, act: str, ids: list[int]) -> Both:
        names = self._named(ids)
        return getattr(self.store, act)("q", names), getattr(self.model, act)(names)

    @step(1, act=st.sampled_from(["pause", "resume", "resume", "resume"]))
    def pause_or_resume(self, act: str) -> Both:
        return getattr(self.store, act)("q"), getattr(self.model, act)()

    @step(1, "limits")
    def window_passes(self) -> Both:
        for index in range(self.bench.ask("LLEN", self.bench.keys["starts"])):
            self.bench.ask("LSET", self.bench.keys["starts"], index, 1)
        self.model.starts = 0
        return None, None

    @step(1, "starts")
    def deliver(self) -> Both:
        for job_id in sorted(self.model.outbox)[:1]:
            self.store.deliver("q", job_id)
            self.model.outbox.discard(job_id)
        return None, None

    def teardown(self) -> None:
        """What the Reader shows is what is there."""
        assert self.wrong or compare.as_read(self.bench) == compare.as_modelled(self.model)
        self.bench.app.close()

    def check(self, told: object, expected: object) -> None:
        self.wrong += broken(self.bench.channel, self.bench.app.settings.namespace)
        self.wrong += compare.differences(self.bench, self.slots, self.model)
        self.wrong += [] if told == expected else [f"the store answered {told}, the model {expected}"]
        assert self.wrong == [], "\n".join(self.wrong)

    def _slot(self, slot: int) -> str:
        closed = [name for name in self.slots if name not in self.model.slots]
        known = [*closed[-1:], *(name for name in self.slots if name in self.model.slots)]
        return known[-1 - slot % len(known)]

    def _start(self, start: int) -> tuple[str, Claim]:
        return self.starts[-1 - start % len(self.starts)]

    def _named(self, ids: list[int]) -> list[str]:
        return list(dict.fromkeys(self.ids[-1 - n % len(self.ids)] for n in ids))

    def _token(self, slot: str) -> str:
        self.tokens += 1
        return f"{slot}/{self.tokens}"

    def _told(self, slot: str, reply: object) -> object:
        if isinstance(reply, Claim):
            self.starts.append((slot, reply))
        return compare.answer(slot, reply)


STEPS: Final = [method.step for method in vars(QueueMachine).values() if hasattr(method, "step")]
