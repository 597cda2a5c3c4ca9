"""Do the faults of a schedule, one after the other or several at once, and end each when its time is over."""

from __future__ import annotations

import heapq
import itertools
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exqueue.model.errors import StoreError
from exqueue.runtime.host import send_signal, start_time
from exqueue.store.channel import open_channel
from tests.chaos.faults import SERVER, WAYS, Fault
from tests.chaos.processes import Frozen
from tests.chaos.world import Member, World
from tests.store.proxy import Proxy

TURN: Final = 0.02
LATER: Final = 0.1  # seconds until a fault is tried again that had no victim
AT_MOST: Final = 60.0  # seconds after the last one was due

End = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault that was done. `host`: that of a runner it hit, else empty. `begin`, `end`: CLOCK_MONOTONIC, ns."""

    kind: str
    host: str
    begin: int
    end: int


class Rage:
    """`blows`: what was done, in order."""

    def __init__(self, world: World, faults: list[Fault]) -> None:
        self._world = world
        self._due = [(fault.at, number, fault) for number, fault in enumerate(faults)]
        self._ends: list[tuple[float, int, End]] = []
        self._numbers = itertools.count()
        self._last = max((fault.at for fault in faults), default=0.0)
        self.blows: list[Blow] = []

    def run(self) -> None:
        """Until all are done and over."""
        start = time.monotonic()
        heapq.heapify(self._due)
        while self._due or self._ends:
            now = time.monotonic() - start
            while self._ends and self._ends[0][0] <= now:
                heapq.heappop(self._ends)[2]()
            while self._due and self._due[0][0] <= now:
                _, number, fault = heapq.heappop(self._due)
                if not self._do(fault, now) and now < self._last + AT_MOST:
                    heapq.heappush(self._due, (now + LATER, number, fault))
            self._world.keep()
            time.sleep(TURN)

    def _do(self, fault: Fault, now: float) -> bool:
        begin = time.monotonic_ns()
        host = self._hit(fault, now)
        if host is not None:
            self.blows.append(Blow(fault.kind, host, begin, begin + round(fault.seconds * 1e9)))
        return host is not None

    def _hit(self, fault: Fault, now: float) -> str | None:
        """Do it; the host of the runner it hit, or an empty text; None if there is no victim now."""
        if fault.kind in SERVER or fault.kind == "scripts flushed":
            return "" if self._server(fault, now) else None
        if fault.kind in WAYS:
            return self._way(fault, now)
        if fault.kind == "client killed":
            return self._client(fault)
        runner = self._world.runners[fault.draw % 2]
        return runner.host if self._runner(fault, now, runner) else None

    def _server(self, fault: Fault, now: float) -> bool:
        server = self._world.server
        if server.process.poll() is not None:
            return False
        match fault.kind:
            case "server killed" | "server killed while it rewrites its file":
                if "rewrites" in fault.kind:
                    self._ask("BGREWRITEAOF")
                server.kill()
                self._later(now + fault.seconds, server.start)
            case "server frozen":
                server.process.send_signal(signal.SIGSTOP)
                self._later(now + fault.seconds, lambda: server.process.send_signal(signal.SIGCONT))
            case _:
                return self._ask("SCRIPT", "FLUSH")
        return True

    def _ask(self, *command: str) -> bool:
        """Whether the server has answered. Not patiently: whoever thaws it again is waited for by this line."""
        channel = open_channel(self._world.app.settings.url, timeout=0.2, patience=0)
        try:
            channel.ask([command])
        except StoreError:
            return False
        finally:
            channel.close()
        return True

    def _way(self, fault: Fault, now: float) -> str:
        place = fault.draw % len(self._world.ways)
        way = self._world.ways[place]
        way.word = (b"EVALSHA", b"EVALSHA", b"BLMOVE")[fault.draw // 3 % 3]
        count = 1 + int(fault.size * 5)
        match fault.kind:
            case "requests vanish":
                self._for_a_while(way, "swallows_requests", True, now + fault.seconds)
            case "replies vanish":
                self._for_a_while(way, "swallows_replies", True, now + fault.seconds)
            case "slow connections":
                self._for_a_while(way, "delay", 0.01 * 100**fault.size, now + fault.seconds)
            case "replies lost":
                way.replies_to_lose = count
            case "requests lost":
                way.requests_to_lose = count
            case "requests cut":
                way.requests_to_cut = count
            case _:
                way.cut()
        return self._world.runners[place].host if place < 2 else ""

    def _for_a_while(self, way: Proxy, name: str, value: object, until: float) -> None:
        setattr(way, name, value)
        self._later(until, lambda: setattr(way, name, type(value)()))

    def _client(self, fault: Fault) -> str | None:
        members = [member for member in [*self._world.producers, self._world.person] if member.pid]
        if not members:
            return None
        victim = members[fault.draw % len(members)]
        victim.expect_end(fault.seconds)
        victim.process.kill()
        return ""

    def _runner(self, fault: Fault, now: float, runner: Member) -> bool:
        servers, workers = self._world.family(runner)
        if not workers or runner.pid is None:
            return False
        return (
            self._kill(fault, runner, servers, workers)
            or self._restart(fault, now, runner)
            or self._freeze(fault, now, runner, servers, workers)
        )

    def _kill(self, fault: Fault, runner: Member, servers: list[int], workers: list[int]) -> bool:
        match fault.kind:
            case "worker process killed":
                kill([fault.one(workers)])
            case "all worker processes of a runner killed":
                kill(workers)
            case "fork server killed":
                kill(servers)
            case "runner killed":
                runner.expect_end(fault.seconds)
                kill([runner.process.pid])
            case "host killed":
                self._kill_host(runner.host, fault.seconds)
            case _:
                return False
        return True

    def _restart(self, fault: Fault, now: float, runner: Member) -> bool:
        match fault.kind:
            case "runner restarted":
                runner.replace()
            case "runner told twice to stop":
                runner.expect_end(fault.seconds)
                process = runner.process
                process.terminate()
                self._later(now + fault.seconds / 5, process.terminate)
            case _:
                return False
        return True

    def _freeze(self, fault: Fault, now: float, runner: Member, servers: list[int], workers: list[int]) -> bool:
        victims = {
            "worker process frozen": [fault.one(workers)],
            "fork server frozen": servers,
            "runner frozen": [runner.process.pid],
            "whole runner frozen": [runner.process.pid, *servers, *workers],
        }
        self._later(now + fault.seconds, Frozen(victims[fault.kind]).thaw)
        return True

    def _kill_host(self, host: str, pause: float) -> None:
        for runner in self._world.runners:
            if runner.host == host and runner.pid:
                servers, workers = self._world.family(runner)
                runner.expect_end(pause)
                kill([runner.process.pid, *servers, *workers])

    def _later(self, at: float, end: End) -> None:
        heapq.heappush(self._ends, (at, next(self._numbers), end))


def kill(pids: list[int]) -> None:
    for pid in pids:
        send_signal(pid, start_time(pid), signal.SIGKILL)
