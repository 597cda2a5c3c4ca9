"""The checks of the server: each a rule from facts to a finding. To add one, write it and put it into `SERVER_CHECKS`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from exqueue.model.facts import Facts, Finding, Level, ServerFacts
from exqueue.model.text import one_line

Check = Callable[[Facts], Finding]

OLDEST: Final = (6, 2)
# The first release of each branch in which CVE-2025-49844 is mended (a script of a stranger runs any code; CVSS 10).
# Newer branches have it from their beginning, others never got it.
MENDED: Final = {
    "Redis": {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2},
    "Valkey": {(7, 2): 11, (8, 0): 6, (8, 1): 4},
}
# The jemalloc that comes with a branch. A package of a distribution is built with that of the distribution instead.
BUNDLED: Final = {(6, 0): "5.1.0", (6, 2): "5.1.0", (7, 0): "5.2.1", (7, 2): "5.3.0", (7, 4): "5.3.0"}
FULL, NEARLY_FULL, SPARSE = 0.97, 0.8, 1.5  # of maxmemory; of memory taken for each byte used
SKEW_WARNING, SKEW_ERROR = 1.0, 60.0  # seconds
BIG: Final = 100_000_000  # bytes; below, the share of what a server needs for itself says nothing
LAG: Final = 10  # seconds
_BY_WEIGHT: Final = (Level.OK, Level.UNKNOWN, Level.WARNING, Level.ERROR)


def worst(check: Check, facts: Facts) -> Finding:
    """What a check finds; in a cluster the worst that it finds of any node, with its address."""
    found = [(check(replace(facts, server=server)), server.at) for server in (facts.server, *facts.others)]
    finding, at = max(found, key=lambda pair: _BY_WEIGHT.index(pair[0].level))
    return finding if not at or finding.level is Level.OK else replace(finding, says=f"node {one_line(at, 60)}: {finding.says}")


def version(facts: Facts) -> Finding:
    """Which server it is, and whether it is new enough."""
    found = _version(facts.server)
    if found is None:
        return _untold("server", "INFO")
    kind, numbers = found
    says = f"{kind} {'.'.join(map(str, numbers))}"
    if numbers < OLDEST:
        return Finding("server", Level.ERROR, says, "exqueue needs Redis 6.2 or newer, or Valkey")
    if (facts.server.info or {}).get("role", "master") != "master":
        return Finding("server", Level.ERROR, f"{says}, a read-only replica", "put the primary into EXQUEUE_URL")
    return Finding("server", Level.OK, says)


def patches(facts: Facts) -> Finding:
    """Whether a hole is known in this release."""
    found = _version(facts.server)
    if found is None:
        return _untold("patches", "INFO")
    kind, numbers = found
    mended = MENDED[kind]
    branch, patch = (numbers[0], numbers[1]), (*numbers, 0)[2]
    if branch > max(mended) or patch >= mended.get(branch, 10**6):
        return Finding("patches", Level.OK, "no hole is known here of this release")
    says = f"{kind} {'.'.join(map(str, numbers))} has CVE-2025-49844: who may run a script may run any code in the server"
    if _is_packaged(facts.server.info or {}, branch):
        advice = "this looks like the package of a distribution, which may have mended it under the same number; see its changelog"
        return Finding("patches", Level.UNKNOWN, says, advice)
    fixed = f"{branch[0]}.{branch[1]}.{mended[branch]}" if branch in mended else "a branch that is still mended"
    return Finding("patches", Level.ERROR, says, f"upgrade to {fixed}; until then: exqueue acl --pin-scripts")


def _is_packaged(info: Mapping[str, str], branch: tuple[int, int]) -> bool:
    """Whether it looks like the package of a distribution.

    A server that was started by its bare name makes of it a path in its own directory, so where it is does not always tell.
    """
    kind, _, allocator = info.get("mem_allocator", "").partition("-")
    foreign = "valkey_version" not in info and kind == "jemalloc" and allocator != BUNDLED.get(branch, allocator)
    return foreign or info.get("executable", "").startswith("/usr/bin/")


def persistence(facts: Facts) -> Finding:
    """Whether jobs survive the server's end."""
    enabled = facts.server.number("aof_enabled")
    if enabled is None:
        return _untold("persistence", "INFO")
    if enabled:
        return Finding("persistence", Level.OK, "an append-only file is written")
    level = Level.WARNING if facts.accepts_loss else Level.ERROR
    says = "no append-only file is written: when the server ends, what was accepted since its last snapshot is lost"
    return Finding("persistence", level, says, "set appendonly yes, in redis.conf and by CONFIG SET")


def fsync(facts: Facts) -> Finding:
    """How much a power loss takes."""
    told = (facts.server.config or {}).get("appendfsync")
    if facts.server.number("aof_enabled") == 0:
        return Finding("fsync", Level.OK, "does not matter without an append-only file")
    match told:
        case None:
            return _untold("fsync", "CONFIG GET")
        case "always":
            return Finding("fsync", Level.OK, "always: a power loss takes nothing that was acknowledged")
        case "everysec":
            return Finding("fsync", Level.OK, "everysec: a power loss takes the last two seconds at most")
        case _:
            says = f"{one_line(told, 20)}: a power loss takes what the system had not written yet, half a minute or so"
            return Finding("fsync", Level.WARNING, says, "set appendfsync everysec, or always")


def disk(facts: Facts) -> Finding:
    """Whether the last writes to disk went well."""
    info = facts.server.info
    if info is None:
        return _untold("disk", "INFO")
    names = {"aof_last_write_status": "append-only file", "aof_last_bgrewrite_status": "its rewrite", "rdb_last_bgsave_status": "snapshot"}
    bad = [what for name, what in names.items() if info.get(name, "ok") != "ok"]
    if bad:
        return Finding("disk", Level.ERROR, f"the last write failed: {', '.join(bad)}", "see the server's log; is its disk full?")
    return Finding("disk", Level.OK, "the last writes went well")


def eviction(facts: Facts) -> Finding:
    """Whether a full server removes jobs by itself."""
    policy = (facts.server.info or {}).get("maxmemory_policy")
    if policy is None:
        return _untold("eviction", "INFO")
    if policy != "noeviction":
        level = Level.WARNING if facts.accepts_loss else Level.ERROR
        says = f"maxmemory-policy is {one_line(policy, 30)}: a full server removes whole queues by itself"
        return Finding("eviction", level, says, "set maxmemory-policy noeviction, in redis.conf and by CONFIG SET")
    if facts.server.number("evicted_keys"):
        says = f"noeviction now, but {facts.server.number('evicted_keys')} keys were evicted since the server started"
        return Finding("eviction", Level.WARNING, says, "what they held is gone; exqueue fsck says whether jobs miss something")
    return Finding("eviction", Level.OK, "noeviction")


def memory(facts: Facts) -> Finding:
    """How full it is."""
    used, limit = facts.server.number("used_memory"), facts.server.number("maxmemory")
    if used is None or limit is None:
        return _untold("memory", "INFO")
    total = limit or facts.server.number("total_system_memory") or 0
    of = "maxmemory" if limit else "this machine's memory, without a limit of its own"
    if not total:
        return Finding("memory", Level.OK, f"{_size(used)} used, no limit")
    share, says = used / total, f"{_size(used)} used, {used / total:.0%} of {of}"
    if share >= FULL:
        return Finding("memory", Level.ERROR, f"{says}: new jobs are refused", "let the queues drain, or raise maxmemory")
    level = Level.WARNING if share >= NEARLY_FULL else Level.OK
    return Finding("memory", level, says, "let the queues drain, or give it more memory" if level is Level.WARNING else "")


def overhead(facts: Facts) -> Finding:
    """How much more memory the server takes than it uses."""
    used, taken = facts.server.number("used_memory"), facts.server.number("used_memory_rss")
    if used is None or taken is None:
        return _untold("overhead", "INFO")
    if taken > BIG and used and taken / used > SPARSE:
        says = f"takes {_size(taken)} of memory for {_size(used)} that it uses"
        return Finding("overhead", Level.WARNING, says, "set activedefrag yes, or restart it when it is idle")
    return Finding("overhead", Level.OK, f"takes {_size(taken)} of memory")


def clock(facts: Facts) -> Finding:
    """Whether its clock and this host's agree. Jobs are due by the server's; times that a client names are by its own."""
    skew = facts.server.skew
    if skew is None:
        return _untold("clock", "TIME")
    if abs(skew) < SKEW_WARNING:
        return Finding("clock", Level.OK, "that of the server and of this host agree to a second")
    level = Level.ERROR if abs(skew) >= SKEW_ERROR else Level.WARNING
    says = f"the server's is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this host's: jobs for a given time run so much off"
    return Finding("clock", level, says, "let both be set by NTP")


def door(facts: Facts) -> Finding:
    """Whether anybody may come in."""
    server = facts.server
    if server.open is None:
        return Finding("door", Level.UNKNOWN, "could not be found out whether the server asks for a password")
    if not server.open:
        return Finding("door", Level.OK, "the server asks for a password")
    if server.local:
        return Finding("door", Level.OK, "no password, but reached on this host only, as far as this URL says")
    says = "no password: whoever reaches the server can read, forge and delete jobs"
    return Finding("door", Level.ERROR, says, "make users by exqueue acl, then ACL SETUSER default off")


def rights(facts: Facts) -> Finding:
    """Whether our user may do more than it needs, or less."""
    user = facts.server.user
    if user is None:
        return Finding("rights", Level.UNKNOWN, "this user may not ask what it may do, as is right for one of exqueue acl")
    name = one_line(user.name, 60)
    if user.almighty:
        if facts.server.local:
            return Finding("rights", Level.OK, f"user {name} may do everything")
        return Finding("rights", Level.WARNING, f"user {name} may do everything", "exqueue acl prints users who may do what they need")
    whole = [role for role, lacking in user.lacks.items() if not lacking]
    if whole:
        return Finding("rights", Level.OK, f"user {name} has the commands of {', '.join(whole)}")
    role, lacking = min(user.lacks.items(), key=lambda pair: len(pair[1]), default=("any role", ()))
    says = f"user {name} has the commands of no role; of {role} it lacks {one_line(', '.join(lacking), 120)}"
    return Finding("rights", Level.WARNING, says, f"exqueue acl --role {role} --update")


def tls(facts: Facts) -> Finding:
    """Whether what goes to the server can be read on the way."""
    if facts.server.tls or facts.server.local:
        return Finding("tls", Level.OK, "encrypted" if facts.server.tls else "not encrypted, and does not leave this host")
    says = "passwords and jobs cross the network unencrypted"
    return Finding("tls", Level.WARNING, says, "let the server listen with TLS, and use rediss:// in EXQUEUE_URL")


def replicas(facts: Facts) -> Finding:
    """Whether replicas follow."""
    info = facts.server.info
    if info is None:
        return _untold("replicas", "INFO")
    if facts.server.number("connected_slaves") in (None, 0):
        return Finding("replicas", Level.OK, "none")
    said = [text for name, text in info.items() if re.fullmatch(r"slave\d+", name)]
    followers = [dict(part.split("=", 1) for part in text.split(",") if "=" in part) for text in said]
    late = [one_line(one.get("ip", "?"), 60) for one in followers if not _follows(one)]
    if late:
        return Finding("replicas", Level.WARNING, f"{', '.join(late)} does not follow", "a failover to it would lose jobs; see its log")
    return Finding("replicas", Level.OK, f"{len(followers)} follow")


def _follows(replica: Mapping[str, str]) -> bool:
    lag = replica.get("lag", "0")
    return replica.get("state") == "online" and lag.isdecimal() and int(lag) <= LAG


SERVER_CHECKS: Final[tuple[Check, ...]] = (
    version, patches, persistence, fsync, disk, eviction, memory, overhead, clock, door, rights, tls, replicas,
)  # fmt: skip


def _version(server: ServerFacts) -> tuple[str, tuple[int, ...]] | None:
    info = server.info or {}
    kind = "Valkey" if "valkey_version" in info else "Redis"
    text = info.get("valkey_version") or info.get("redis_version", "")
    numbers = tuple(int(part) for part in text.split(".") if part.isascii() and part.isdigit())
    return (kind, numbers) if len(numbers) >= 2 else None


def _untold(check: str, command: str) -> Finding:
    return Finding(check, Level.UNKNOWN, f"the server does not answer {command} to this user", "ask as a user who may")


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
