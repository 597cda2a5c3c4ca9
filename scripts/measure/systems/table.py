"""Which systems there are, and how their worker processes are started."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

URL: Final = "BENCH_URL"  # of the environment: the server
VARIANT: Final = "BENCH_SYSTEM"  # which system a module is to be


class Client(Protocol):
    """What enqueues. `many` is None where a system has no call for several jobs."""

    many: Any  # a method (jobs: Sequence[tuple[int, int]]) -> object, or None

    def enqueue(self, number: int, enqueued: int) -> object:
        """One job, as `record.job` takes it."""


@dataclass(frozen=True)
class System:
    """`module`: in this package. `needs`: what must be installed. `worker`: words after `python`; with `each`, once for each process.

    `only`: "enqueue" or "run", for a floor of one of them.
    """

    name: str
    module: str
    needs: str
    worker: tuple[str, ...] = ()
    each: bool = False
    only: str = ""

    def does(self, workload: str) -> bool:
        """Whether it is measured by that."""
        return self.only in ("", "enqueue" if workload.startswith("enqueue") else "run")

    @property
    def is_here(self) -> bool:
        """Whether it is installed."""
        return importlib.util.find_spec(self.needs) is not None

    @property
    def version(self) -> str:
        """Of what is installed."""
        return importlib.metadata.version(self.needs)

    def commands(self, url: str, processes: int) -> list[list[str]]:
        """What to start for so many worker processes."""
        words = [word.format(url=url, p=processes, module=f"{__package__}.{self.module}") for word in self.worker]
        return [words] * (processes if self.each else 1)

    def client(self, url: str) -> Client:
        """Its client, in this process, where the environment says the same."""
        os.environ[URL], os.environ[VARIANT] = url, self.name
        made: Client = importlib.import_module(f"{__package__}.{self.module}").Client(url)
        return made


FLOORS: Final = (
    System("rpush", "rpush", "redis", only="enqueue"),
    System("floor-c", "floor", "redis", ("-m", "{module}"), each=True, only="run"),
    System("floor-d", "floor", "hiredis", ("-m", "{module}"), each=True, only="run"),
)
_RUN: Final = ("-m", "exqueue", "--url", "{url}", "run", "--accept-data-loss", "--processes")
OURS: Final = (
    System("exqueue", "ours", "exqueue", (*_RUN, "Job={p}", "{module}:Job")),
    System("exqueue-batch", "ours", "exqueue", (*_RUN, "Many={p}", "{module}:Many"), only="run"),
)
# As many worker processes as are measured, one job at a time in each, everything else as it is by default.
PEERS: Final = (
    System("rq", "peer_rq", "rq", ("-m", "rq.cli", "worker-pool", "-q", "-u", "{url}", "-n", "{p}", "bench")),
    System("dramatiq", "peer_dramatiq", "dramatiq", ("-m", "dramatiq", "{module}", "-p", "{p}", "-t", "1")),
    System("huey", "peer_huey", "huey",
           ("-m", "huey.bin.huey_consumer", "{module}.huey", "-q", "-k", "process", "-w", "{p}")),
    System("celery", "peer_celery", "celery",
           ("-m", "celery", "-A", "{module}", "worker", "-P", "prefork", "-c", "{p}", "--loglevel", "WARNING")),
)  # fmt: skip
SYSTEMS: Final = {system.name: system for system in (*FLOORS, *OURS, *PEERS)}


def chosen(names: Sequence[str]) -> tuple[list[System], list[str]]:
    """Those that can be measured here, and those that cannot; all of them, where none is named."""
    wanted = [SYSTEMS[name] for name in names or SYSTEMS]
    return [system for system in wanted if system.is_here], [system.name for system in wanted if not system.is_here]
