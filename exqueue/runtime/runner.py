"""The runner: keeps the worker processes of its queues alive and looks after the queues. Never runs user code.

One loop, one thread: hear of births and deaths, beat, recover, promote, replace. Everything it does to Redis may fail
and is done again at a later turn; killed at any line, it leaves nothing that the next runner does not find.
"""

from __future__ import annotations

import functools
import logging
import os
import secrets
import select
import time
from dataclasses import dataclass, field, replace
from typing import Final

from exqueue.model.envelope import Envelope
from exqueue.model.errors import SchemaTooNew, StoreCorrupt, StoreError, StoreUnavailable
from exqueue.model.settings import Settings, keys_of
from exqueue.runtime.admission import admit, deaf_parent, init_name
from exqueue.runtime.beats import Beats
from exqueue.runtime.board import Board
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.enforce import Enforcer
from exqueue.runtime.host import host_id, start_time
from exqueue.runtime.nursery import Nursery
from exqueue.runtime.posts import by_pattern, check_queues, posts, serves
from exqueue.runtime.recovery import Recovery
from exqueue.runtime.signals import StopSignals
from exqueue.runtime.staff import NEVER, Staff
from exqueue.runtime.timetable import Timetable
from exqueue.store.channel import REPLY, open_channel
from exqueue.store.connection import safe_url
from exqueue.store.reads import Reader
from exqueue.store.steps import Store

LOG: Final = logging.getLogger("exqueue.runner")

PROMOTE_EVERY: Final = 0.25
CARE_EVERY: Final = 1.0
LAST_WORDS: Final = 5.0  # seconds to settle with Redis after the last child has ended
OUTAGE_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run. `processes`: worker class or `module:Class` -> number. `burst`: stop when all queues are idle.

    `queues`: names, or patterns with `*`, of queues to serve instead of those of the workers.
    """

    targets: tuple[str, ...]
    processes: dict[str, int] = field(default_factory=dict)
    burst: bool = False
    verbose: bool = False
    queues: tuple[str, ...] = ()


class Runner:
    """`exqueue run`. Blocks in `run` until it is told to stop, or, with `burst`, until everything is done."""

    def __init__(self, settings: Settings, options: RunOptions) -> None:
        self._settings = settings = replace(settings, signing_keys=keys_of(settings))
        self._options = options
        timeout, start = min(REPLY, settings.lease / 5), min(5.0, settings.lease / 5)
        self._channel = open_channel(settings.url, timeout=timeout, patience=min(0.5, timeout), start=start)
        self._store = Store(self._channel, settings.namespace, settings.copies)
        self._reader = Reader(self._channel, settings.namespace)
        self._me = Identity(secrets.token_hex(5), host_id(), os.getpid(), start_time(os.getpid()))
        self._outage = self._idle = False
        self._outdated: SchemaTooNew | None = None
        self._next_beat = self._next_care = self._next_promote = 0.0
        self._deadline = self._give_up = NEVER

    def run(self) -> None:
        """Run until stopped.

        Raises:
            ConfigError: a target cannot be loaded, `processes` names no worker type, `queues` cannot be served so, or see `admit`.
            SchemaTooNew: the data was written by a newer exqueue; also later, after running jobs have ended in order.
            StoreError: Redis cannot be used at the start. Later on it may come and go.
        """
        with StopSignals() as signals:
            self._board = Board.create()
            self._staff = Staff(self._new_nursery, self._me.runner, self._options.processes, self._board)
            self._enforcer = Enforcer(self._staff, self._board, self._settings.kill_after)
            try:
                while not self._staff.loaded and not signals.count:
                    self._listen(signals, 60.0)
                self._begin_when_it_can(signals)
                while not self._finished(signals):
                    self._turn(signals)
                self._sign_off()
                if self._outdated:
                    raise self._outdated
            finally:
                self._staff.close()
                self._board.close()
                self._channel.close()

    def _begin_when_it_can(self, signals: StopSignals) -> None:
        """Begin. An outage just now is waited out as by any client; what of it was done already may be done again."""
        give_up = time.monotonic() + self._settings.patience
        while True:
            try:
                return self._begin()
            except StoreUnavailable:
                if signals.count or time.monotonic() + OUTAGE_PAUSE > give_up:
                    raise
            self._listen(signals, OUTAGE_PAUSE)

    def _begin(self) -> None:
        specs, now = self._staff.specs, time.monotonic()
        check_queues(self._options.queues, specs)
        warnings = [*deaf_parent(os.getppid(), init_name()), *admit(self._channel, self._settings)]
        self._recovery = Recovery(self._store, self._reader, specs)
        self._caretaker = Caretaker(self._store, self._reader, self._me, specs, self._settings.lease)
        self._beats = Beats(self._store, self._caretaker, self._staff, self._board, self._me, self._settings.lease)
        self._find_queues()
        mine = tuple(spec for spec in specs if serves(self._options.queues, spec.queue))
        envelope = Envelope(self._settings.namespace, self._settings.signing_keys, self._settings.max_body)
        self._timetable = Timetable(self._store, self._reader, mine, envelope)
        self._caretaker.announce()
        self._beat(now)  # also shows whether this server takes writes at all
        for warning in warnings:
            LOG.warning("%s", warning)
        self._caretaker.take_over(time.monotonic, set())  # before the first claim: what is recovered goes first
        self._caretaker.sweep()
        number = sum(spec.processes for spec in self._staff.crew.specs)
        names = ", ".join(self._caretaker.queues) or "no queue yet"
        LOG.info("runner %s: %d worker processes for %s, Redis at %s", self._me.runner, number, names, safe_url(self._settings.url))

    def _turn(self, signals: StopSignals) -> None:
        now = time.monotonic()
        self._beats.fence(now)
        all_due = now >= self._next_beat
        self._enforcer.look(now)  # needs no Redis
        try:
            self._look_after(now)
        except SchemaTooNew as error:  # to claim, promote or recover would be to write as it is not to be written any more
            LOG.error("%s; no job is claimed any more", error)
            self._outdated = error
        except StoreError as error:
            if not self._outage:
                LOG.error("cannot look after the queues, will go on trying: %s", error)
            self._outage = True
            self._caretaker.forget_sightings()
            self._next_beat = self._next_care = self._next_promote = now + OUTAGE_PAUSE
        else:
            if self._outage and all_due:
                LOG.info("Redis answers again")
                self._outage = False
        self._stop_if_asked(signals, now)
        if not self._outage:  # what could be killed again before it has claimed anything is not forked
            self._staff.fill(now, self._beats.lacking)
        self._staff.revive(now)
        self._listen(signals, self._until_next(time.monotonic()))

    def _look_after(self, now: float) -> None:
        if now >= self._next_beat:
            self._beat(now)
        self._take_back_from_the_dead()
        if self._outdated:
            return
        if now >= self._next_care:
            self._next_care = now + CARE_EVERY
            self._caretaker.announce()  # first: it finds out whether we are too old for the rest
            self._find_queues()
            self._caretaker.take_over(time.monotonic, self._staff.slots())
            self._caretaker.sweep()
            self._caretaker.deliver()
            self._timetable.look()  # before a burst asks whether anything is left to do
        if now >= self._next_promote:
            due = self._caretaker.promote()
            self._next_promote = now + min(PROMOTE_EVERY, PROMOTE_EVERY if due is None else due)
            self._enforcer.stop(self._caretaker.stops(), now)
            # Asked last: the last job of a queue may have founded another one, which is then to be served, too.
            self._idle = self._options.burst and self._caretaker.idle() and not self._find_queues()

    def _take_back_from_the_dead(self) -> None:
        held_up = set[str]()
        for child, death in [*self._staff.dead]:
            queue = child.spec.queue
            if queue in held_up:  # in their order
                continue
            take_back = functools.partial(self._recovery.take_back, queue, death)
            if self._caretaker.troubles.tend("take back what dead processes held", queue, take_back) is None:
                held_up.add(queue)
            else:
                self._staff.dead.remove((child, death))

    def _find_queues(self) -> bool:
        """Serve the queues that are wanted and exist by now; whether there are any that were not served before."""
        wanted, crew = self._options.queues, self._staff.crew
        served = self._caretaker.queues if self._beats.begun else ()  # kept, also when somebody emptied the server meanwhile
        crew.specs = posts(self._staff.specs, wanted, [*served, *self._reader.queues()] if by_pattern(wanted) else [])
        queues = tuple(dict.fromkeys(spec.queue for spec in crew.specs))
        new = [queue for queue in queues if queue not in served]
        self._caretaker.queues = queues
        if new and self._beats.begun:
            LOG.info("runner %s: serves %s from now on", self._me.runner, ", ".join(new))
        return bool(new)

    def _beat(self, now: float) -> None:
        self._beats.beat(now)
        self._next_beat = now + min(3.0, self._settings.lease / 10)

    def _stop_if_asked(self, signals: StopSignals, now: float) -> None:
        if not signals.count and not self._idle and not self._outdated:
            return
        if self._deadline == NEVER:
            self._deadline = now + self._settings.grace
            LOG.info("stopping; running jobs get %g s to finish", self._settings.grace)
            self._staff.stop()
        if now >= self._deadline or signals.count > 1:
            self._staff.kill()
        if not self._staff.crew.children and self._give_up == NEVER:
            self._give_up = now + LAST_WORDS

    def _finished(self, signals: StopSignals) -> bool:
        if (not signals.count and self._deadline == NEVER) or self._staff.crew.children:
            return False
        return not self._staff.dead or time.monotonic() > self._give_up

    def _sign_off(self) -> None:
        try:
            for queue in self._caretaker.queues:
                self._depart(queue)
        except StoreError as error:
            LOG.warning("could not sign off, the next runner will clean up: %s", error)
        LOG.info("runner %s: stopped", self._me.runner)

    def _depart(self, queue: str) -> None:
        try:
            self._store.depart(queue, self._me.runner)
        except StoreCorrupt as error:
            LOG.warning("could not sign off from %s, the next runner will clean up: %s", queue, error)

    def _until_next(self, now: float) -> float:
        deadline = self._deadline if self._deadline > now else NEVER
        care = NEVER if self._outdated else min(self._next_care, self._next_promote)
        planned = min(self._next_beat, self._beats.next_fence(), care, deadline) - now
        due = self._staff.next_due(now)
        return max(0.0, planned if due is None else min(planned, due))

    def _listen(self, signals: StopSignals, seconds: float) -> None:
        readable, _, _ = select.select([signals, *self._staff.sources], [], [], seconds)
        signals.drain()
        if any(source is not signals for source in readable):
            self._staff.hear(time.monotonic())

    def _new_nursery(self) -> Nursery:
        runner = {"runner": self._me.runner, "runner_pid": self._me.pid, "runner_start": self._me.start}
        return Nursery(list(self._options.targets), self._settings, runner, self._board.fd, verbose=self._options.verbose)
