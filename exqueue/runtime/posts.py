"""Which queues the worker types of a runner serve: their own, or those it was told to, some of them by a pattern."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final

from exqueue.model.errors import ConfigError
from exqueue.model.names import check_name
from exqueue.model.worker import WorkerSpec, check_together

ANY: Final = "*"


def check_queues(wanted: tuple[str, ...], types: tuple[WorkerSpec, ...]) -> None:
    """Raises ConfigError if one of these is no queue and no pattern, or if worker types that will share them limit them differently."""
    for name in wanted:
        try:
            check_name("--queue", name.replace(ANY, "x"))
        except ConfigError:
            raise ConfigError(f"--queue {name!r}: use the name of a queue, or a part of it with * for the rest") from None
    if wanted:
        check_together([replace(spec, queue=wanted[0]) for spec in types])


def by_pattern(wanted: tuple[str, ...]) -> bool:
    """Whether it takes the list of all queues to say which are meant: it grows."""
    return any(ANY in name for name in wanted)


def posts(types: tuple[WorkerSpec, ...], wanted: tuple[str, ...], known: Iterable[str]) -> tuple[WorkerSpec, ...]:
    """One spec for each worker type and each queue it serves. `known`: all queues there are; anybody may have put a name there."""
    if not wanted:
        return types
    named = [name for name in wanted if ANY not in name]
    fitting = [name for name in known if _is_name(name) and serves(wanted, name)]
    return tuple(replace(spec, queue=queue) for queue in dict.fromkeys([*named, *fitting]) for spec in types)


def serves(wanted: tuple[str, ...], queue: str) -> bool:
    """Whether a queue is among those that are wanted; without any, all are."""
    return not wanted or any(fnmatchcase(queue, pattern) for pattern in wanted)


def _is_name(name: str) -> bool:
    try:
        check_name("queue", name)
    except ConfigError:
        return False
    return True
