"""What Redis says when it will not, in words of ours: one line, and what to do about it."""

from __future__ import annotations

import re
from typing import Final

from redis import exceptions as r

from exqueue.model.errors import StoreError, StoreRefused, StoreUnavailable
from exqueue.model.text import one_line
from exqueue.store.pool import Unsent, Unsettled, code_of
from exqueue.store.roles import Role, roles_for

_REFUSALS: Final = {
    "OOM": "its memory is full; free some or raise maxmemory",
    "MISCONF": "it cannot write to its disk; see its log",
    "READONLY": "it is a read-only replica; connect to the primary",
    "NOREPLICAS": "too few replicas are connected; see min-replicas-to-write",
    "NOPERM": "this user has no right to do that",
    "NOAUTH": "it wants a password; put it in the URL",
    "WRONGPASS": "the user or the password is wrong; correct the URL",
    "NOPROTO": "it is older than Redis 6.2",
}
_FOREIGN: Final = frozenset({"WRONGTYPE", "CORRUPT"})
_CODES: Final = frozenset({*_REFUSALS, *_FOREIGN})
# What servers put around an error in a script: where it is in a text that nobody but exqueue has ever seen.
_IN_A_SCRIPT: Final = re.compile(
    r"(ERR )?Error (running|compiling) script \([^)]*\): |ACL failure in script: |@?user_script: ?\d+: |"
    r",? ?script: ([0-9a-f]{40}, )?on @?user_script: ?\d+\.?"
)
_DENIED: Final = ("The user executing the script can't", "ACL failure in script")  # the code of these is that of any error


def foreign(error: Exception) -> str:
    """The code of an error that says that somebody else wrote to our keys; empty if it says something else."""
    code = code_of(error, _CODES)
    return code if code in _FOREIGN else ""


def plain(error: Exception, limit: int = 200) -> str:
    """What a server says, on one line, without what it says of our scripts."""
    return one_line(_IN_A_SCRIPT.sub("", str(error)), limit).rstrip(". ")


def translate(error: r.RedisError, where: str, *, uncertain: bool = False, step: str = "", command: str = "") -> StoreError:
    """An answer that is an error. `uncertain`: whether an earlier try may have been carried out. `step`, `command`: what it answers."""
    code = "NOPERM" if any(said in str(error) for said in _DENIED) else code_of(error, _CODES)
    advice = _REFUSALS.get(code)
    if isinstance(error, r.AuthenticationError | r.AuthorizationError) and advice is None:
        advice = "the user or the password is wrong; correct the URL"
    if isinstance(error, r.AskError):  # MOVED is one, too
        advice = "it is a node of a cluster; use redis+cluster:// in the URL"
    if code == "NOPERM":
        advice = f"{advice} ({plain(error, 120)}); {_role_wanted(step, command)}"
    if advice is not None:
        return StoreRefused(f"Redis at {where} refuses: {advice}", uncertain=uncertain, code=code)
    return StoreError(f"Redis at {where} answered with an error: {plain(error)}", uncertain=uncertain)


def _role_wanted(step: str, command: str) -> str:
    roles = roles_for(step, command)
    if not roles or len(roles) == len(Role):
        return "`exqueue acl` prints the rights of each role"
    return f"{' or '.join(f'`exqueue acl --role {role}`' for role in roles)} prints the rights that it needs"


def asked_for(error: StoreRefused, step: str) -> StoreRefused:
    """The same refusal, of whoever wants to do this step and was stopped by what leads to it: it names the roles that may do it."""
    if error.code != "NOPERM":
        return error
    said = str(error).rpartition("; ")[0]
    return StoreRefused(f"{said}; {_role_wanted(step, '')}", uncertain=error.uncertain, ids=error.ids, code=error.code)


def unavailable(error: Exception, where: str, *, uncertain: bool = True) -> StoreError:
    """No answer in time, or only that it cannot be done yet."""
    if isinstance(error, Unsettled) and not uncertain and code_of(error.reply, _CODES):
        return translate(error.reply, where)
    said = plain(error, 160) or type(error).__name__
    if isinstance(error, Unsettled):
        return StoreUnavailable(f"Redis at {where} cannot do this now: {said}; is it in a failover or a reshard?", uncertain=uncertain)
    return StoreUnavailable(f"cannot reach Redis at {where}: {said}; is it running, is EXQUEUE_URL right?", uncertain=uncertain)


def surely_unsent(error: Exception) -> bool:
    """Whether the request was certainly not carried out."""
    said = str(error)
    return isinstance(error, r.BusyLoadingError | Unsent | Unsettled) or "connecting to" in said.lower() or said.startswith("Error 111")
