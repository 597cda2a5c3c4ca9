"""Who needs which rights: five roles, their steps and reads, and from these the rules of an ACL user.

The commands of a step are read from its Lua file: those of the functions it can reach, not of all that it includes. Redis
checks them, and their keys, with the rights of the user who runs the script.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exqueue.store.keys import KINDS, registry_key, schema_key
from exqueue.store.scripts import Script, script

_CALL: Final = re.compile(r"redis\.call\('(\w+)'")
_PROBE: Final = re.compile(r"(\w+) = '([A-Z]+)'")


class Role(StrEnum):
    """Who talks to Redis."""

    PRODUCER = "producer"
    RUNNER = "runner"
    OPERATOR = "operator"
    VIEWER = "viewer"
    KEEPER = "keeper"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a role may do. `writes`, `reads`: keys of a queue; `registers`: whether it founds queues. Commands as an ACL names them."""

    steps: frozenset[str]
    commands: frozenset[str]
    writes: frozenset[str]
    reads: frozenset[str]
    registers: bool


# What Python sends beside the scripts. `select` and `setname` are for URLs that name a database or a client; `type` tells
# which key has the wrong one.
_CONNECT: Final = "select client|setname"
_FIND: Final = "get hget zscore hscan smembers xread xrevrange"
_ENQUEUE: Final = "sismember sadd setnx type"  # no `set`: it replaces any key that may be written, whatever is there
_LIST: Final = f"{_FIND} hgetall hkeys hmget hexists llen lindex lrange zcard zrange zrangebyscore zrank zmscore zlexcount info time type"
_SENDS: Final = {
    Role.PRODUCER: f"{_FIND} {_ENQUEUE}",
    Role.RUNNER: f"{_FIND} {_ENQUEUE} hgetall hkeys hmget hexists hlen llen lindex lrange zcard info time blmove client|id client|unblock",
    Role.OPERATOR: _LIST,
    Role.VIEWER: _LIST,
    Role.KEEPER: f"{_ENQUEUE} get scan pttl smembers hkeys hget hmget hstrlen hlen llen zcard hscan lrange time",
}
_ENQUEUING: Final = ("enqueue", "push")
_STEPS: Final = {
    Role.PRODUCER: _ENQUEUING,
    Role.RUNNER: (  # its jobs may enqueue others
        *_ENQUEUING, "batch", "beat", "bury", "claim", "complete", "deliver", "depart", "discard", "fail", "finish", "fire", "promote",
        "purge", "recover", "register", "release", "report", "retry", "schedule", "snooze", "unschedule",
    ),
    Role.OPERATOR: ("cancel", "delete", "pause", "requeue", "resume", "skip", "stop"),
    Role.VIEWER: (),
    Role.KEEPER: ("audit", "persist", "recount", "recover", "relocate", "reorder", "resign", "retie", "strays", "strip", "tally"),
}  # fmt: skip
_BODIES: Final = frozenset({"bodies", "chains", "outbox"})  # what jobs carry, pickled
_UNSEEN: Final = frozenset({"settled", "recent", "older"})  # no reader looks at them
VIEWED: Final = frozenset(KINDS) - _BODIES - _UNSEEN
_READS: Final = {
    Role.PRODUCER: frozenset({"jobs", "runs", "terms", "progress", "errors", "delayed", "failed", "done", "heads", "results", "events"}),
    Role.RUNNER: frozenset(KINDS),
    Role.OPERATOR: frozenset(KINDS),
    Role.VIEWER: VIEWED,
    Role.KEEPER: frozenset(KINDS),
}


@functools.cache
def rights_of(role: Role) -> Rights:
    """All that a role needs, and nothing else."""
    steps = [script(name) for name in _STEPS[role]]
    called = {command for step in steps for command in commands_of(step)}
    run = {"evalsha"} if steps else set()
    writes = frozenset(key for step in steps for key in step.keys)
    commands = frozenset({*_CONNECT.split(), *_SENDS[role].split(), *called, *run})
    return Rights(frozenset(_STEPS[role]), commands, writes, _READS[role] - writes, "sadd" in commands)


@functools.cache
def commands_of(step: Script) -> frozenset[str]:
    """The commands a step can come to, in lower case."""
    code = re.sub(r"--.*", "", step.source)
    probes = {kind: command for kind, command in _PROBE.findall(code) if kind in KINDS.values()} if "check(kinds)" in code else {}
    return frozenset(name.lower() for name in {*_CALL.findall(code), *(probes[KINDS[key]] for key in step.keys if probes)})


def roles_for(step: str, command: str = "") -> tuple[Role, ...]:
    """Who may do this step; where it is none, who may send this command."""
    if step:
        return tuple(role for role in Role if step in _STEPS[role])
    name = command.lower()
    return tuple(role for role in Role if any(known.partition("|")[0] == name for known in rights_of(role).commands))


def demanded(url: str, copies: int) -> frozenset[str]:
    """What connecting to several servers, or waiting for replicas, needs beyond the rights of a role."""
    kind = url.partition("://")[0].partition("+")[2]
    extra = {"sentinel": {"role"}, "cluster": {"cluster|slots", "asking"}}.get(kind, set[str]())
    return frozenset(extra | ({"wait"} if copies else set()))


def rules(role: Role, namespace: str, *, pinned: bool = False, also: frozenset[str] = frozenset()) -> list[str]:
    """What follows `-@all resetkeys resetchannels` in ACL SETUSER.

    `pinned`: no scripts but ours, by their hashes. They change with the version of exqueue, so the rules must follow.
    `also`: see `demanded`.
    """
    rights = rights_of(role)
    commands = rights.commands
    if rights.steps and pinned:
        shas = {f"evalsha|{script(name).sha}" for name in rights.steps}
        commands = commands - {"evalsha"} | shas | {"script|load"}
    elif rights.steps:
        commands = commands | {"eval"}  # how a script gets there that the server does not know (any more)
    kind = "~" if rights.registers else "%R~"
    keys = [f"{kind}{registry_key(namespace)}", f"{kind}{schema_key(namespace)}"]
    keys += _patterns("~", namespace, rights.writes) + _patterns("%R~", namespace, rights.reads)
    return [*keys, *(f"+{command}" for command in sorted(commands | also))]


def lacking(role: Role, granted: frozenset[str]) -> tuple[str, ...]:
    """The commands of a role that are not among these, which are as an ACL names them."""

    def has(command: str) -> bool:
        return command in granted or command.partition("|")[0] in granted or any(other.startswith(f"{command}|") for other in granted)

    return tuple(sorted(command for command in rights_of(role).commands if not has(command)))


def _patterns(kind: str, namespace: str, keys: frozenset[str]) -> list[str]:
    if keys == frozenset(KINDS):
        return [f"{kind}{namespace}:{{*}}:*"]
    return [f"{kind}{namespace}:{{*}}:{key}{':*' if key == 'processing' else ''}" for key in KINDS if key in keys]
