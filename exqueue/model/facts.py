"""What `exqueue doctor` knows before it judges: read once, from the server, its queues and this host. None: could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from exqueue.model.job import Counts
from exqueue.model.schema import SCHEMA


@dataclass(frozen=True, slots=True)
class UserFacts:
    """The user we are to the server. `lacks`: by role, the commands of it that this user may not send."""

    name: str
    almighty: bool
    lacks: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server. `info`: what INFO says; `config`: of CONFIG GET, only what is needed here.

    `local`: reached over a Unix socket or loopback; `tls`: encrypted. `skew`: seconds its clock is ahead of this host's.
    `open`: whether it takes commands from anybody, without a password. `at`: its address, if it is one of a cluster.
    """

    info: Mapping[str, str] | None = None
    config: Mapping[str, str] | None = None
    local: bool = True
    embedded: bool = False
    tls: bool = False
    skew: float | None = None
    open: bool | None = None
    user: UserFacts | None = None
    at: str = ""

    def number(self, name: str) -> int | None:
        """A whole number that INFO says; None where it says none."""
        value = (self.info or {}).get(name, "")
        return int(value) if value.isascii() and value.isdigit() else None


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs. `since`: ms, the server's clock."""

    id: str
    key: str
    since: int


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """One queue. `served`: whether a runner was seen to beat. `silent`: the hosts of worker processes whose runner was not.

    `unreadable`: how many slots do not say whose they are. `blocked`: since when, ms, each key that a failed job blocks.
    `stuck`: followers of jobs that were in the outbox at the beginning and at the end of the look.
    `sampled`, `unsigned`: how many bodies were looked at, and how many of them carry no signature.
    """

    name: str
    counts: Counts
    served: bool
    silent: tuple[str, ...] = ()
    unreadable: int = 0
    running: tuple[Running, ...] = ()
    blocked: tuple[int, ...] = ()
    stuck: int | None = None
    sampled: int | None = None
    unsigned: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it. `now`: the server's clock, ms. `dies_with_parent`: whether this kernel ends children with their parent.

    `accepts_loss`: whether somebody has decided that this server may lose jobs. `schema`: the number that the data has.
    `others`: in a cluster, its other nodes. `has_keys`: whether whoever asks would sign. `unreadable`: what somebody else wrote to
    queues, a line each; of these there are no facts.
    """

    server: ServerFacts = field(default_factory=ServerFacts)
    queues: tuple[QueueFacts, ...] | None = ()
    now: int = 0
    dies_with_parent: bool = True
    accepts_loss: bool = False
    schema: int = SCHEMA
    others: tuple[ServerFacts, ...] = ()
    has_keys: bool = False
    unreadable: tuple[str, ...] = ()


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found: one line that says what is, one that says what to do about it (empty when nothing is to be done)."""

    check: str
    level: Level
    says: str
    advice: str = ""
