"""What Redis says when it will not, in words of ours: one line, and what to do about it."""

from __future__ import annotations

from typing import Final

from redis import exceptions as r

from exqueue.model.errors import StoreError, StoreRefused, StoreUnavailable
from exqueue.model.text import one_line
from exqueue.store.pool import Unsent, Unsettled, code_of

_REFUSALS: Final = {
    "OOM": "its memory is full; free some or raise maxmemory",
    "MISCONF": "it cannot write to its disk; see its log",
    "READONLY": "it is a read-only replica; connect to the primary",
    "NOREPLICAS": "too few replicas are connected; see min-replicas-to-write",
    "NOPERM": "this user has no right to do that; see its ACL",
    "NOAUTH": "it wants a password; put it in the URL",
    "WRONGPASS": "the user or the password is wrong; correct the URL",
    "NOPROTO": "it is older than Redis 6.2",
}
_FOREIGN: Final = frozenset({"WRONGTYPE", "CORRUPT"})
_CODES: Final = frozenset({*_REFUSALS, *_FOREIGN})


def foreign(error: Exception) -> str:
    """The code of an error that says that somebody else wrote to our keys; empty if it says something else."""
    code = code_of(error, _CODES)
    return code if code in _FOREIGN else ""


def translate(error: r.RedisError, where: str, *, uncertain: bool = False) -> StoreError:
    """An answer that is an error. `uncertain`: whether an earlier try may have been carried out."""
    code = code_of(error, _CODES)
    advice = _REFUSALS.get(code)
    if isinstance(error, r.AuthenticationError | r.AuthorizationError) and advice is None:
        advice = "the user or the password is wrong; correct the URL"
    if isinstance(error, r.AskError):  # MOVED is one, too
        advice = "it is a node of a cluster; use redis+cluster:// in the URL"
    if advice is not None:
        return StoreRefused(f"Redis at {where} refuses: {advice} ({one_line(str(error), 120)})", uncertain=uncertain, code=code)
    return StoreError(f"Redis at {where} answered with an error: {one_line(str(error), 200)}", uncertain=uncertain)


def unavailable(error: Exception, where: str, *, uncertain: bool = True) -> StoreError:
    """No answer in time, or only that it cannot be done yet."""
    if isinstance(error, Unsettled) and not uncertain and code_of(error.reply, _CODES):
        return translate(error.reply, where)
    said = one_line(str(error), 160).rstrip(".") or type(error).__name__
    if isinstance(error, Unsettled):
        return StoreUnavailable(f"Redis at {where} cannot do this now: {said}; is it in a failover or a reshard?", uncertain=uncertain)
    return StoreUnavailable(f"cannot reach Redis at {where}: {said}; is it running, is EXQUEUE_URL right?", uncertain=uncertain)


def surely_unsent(error: Exception) -> bool:
    """Whether the request was certainly not carried out."""
    said = str(error)
    return isinstance(error, r.BusyLoadingError | Unsent | Unsettled) or "connecting to" in said.lower() or said.startswith("Error 111")
