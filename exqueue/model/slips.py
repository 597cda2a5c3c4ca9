"""Class attributes of a worker type that look like options and are none: misspelt ones, and those of one enqueue.

A class may have attributes of its own, so nothing is refused, and only what is beyond reasonable doubt is told: its name is
nearly that of an option, its value is of the kind that the option takes, and no code near the class mentions it.
"""

from __future__ import annotations

import difflib
import sys
import types
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from exqueue.model.policy import Constant, Exponential
from exqueue.model.schedule import Cron
from exqueue.model.worker import Worker

_FUNCTION: Final = (types.FunctionType,)
_SECONDS: Final = (int, float, timedelta)
OPTIONS: Final[dict[str, tuple[type, ...]]] = {  # of a class, and the hooks
    "queue": (str,), "processes": (int,), "max_retries": (int,), "backoff": (Constant, Exponential, *_FUNCTION), "max_crashes": (int,),
    "serial": (bool,), "on_failure": (str,), "priority": (int,), "keep_result": _SECONDS, "max_running": (int,), "rate": (str,),
    "middleware": (list, tuple), "schedule": (Cron,), "timeout": _SECONDS, "batch": (int,),
    "after_success": _FUNCTION, "after_error": _FUNCTION, "after_failure": _FUNCTION,
}  # fmt: skip
ENQUEUE: Final[dict[str, tuple[type, ...]]] = {  # of one enqueue only
    "key": (str,), "delay": _SECONDS, "at": (datetime,), "id": (str,), "unique": (str, bool), "then": (list, tuple), "expires": _SECONDS,
}  # fmt: skip
_NEAR: Final = 0.8  # `max_retry` is that near to `max_retries`; `retries` is not


def slips_of(worker: type[Worker]) -> list[str]:
    """A line for each."""
    bases = [base for base in worker.__mro__ if base is not Worker and issubclass(base, Worker)]
    own = {name: value for base in reversed(bases) for name, value in vars(base).items()}
    used = {name for base in bases for code in _code_near(base) for name in _mentioned(code)}
    found = []
    for name, value in own.items():
        if name.startswith("_") or hasattr(Worker, name) or name in used:
            continue
        said = f"{worker.__name__}.{name} has no effect"
        near = difflib.get_close_matches(name, OPTIONS.keys() - own.keys(), 1, _NEAR)
        if _fits(value, ENQUEUE.get(name, ())):
            found.append(f"{said}: {name} is an option of one enqueue, {worker.__name__}.options({name}=...)")
        elif near and _fits(value, OPTIONS[near[0]]):
            found.append(f"{said}; did you mean {near[0]}? If it is your own, begin it with _")
    return found


def _fits(value: object, kinds: tuple[type, ...]) -> bool:
    return issubclass(type(value), kinds) and (type(value) is not bool or bool in kinds)


def _code_near(base: type[Any]) -> Iterator[types.CodeType]:
    """That of the class, and of the functions and classes of its module. Only plain functions: others might run code when looked at."""
    module = sys.modules.get(base.__module__)
    around = [*vars(module).values()] if isinstance(module, types.ModuleType) else []
    classes = [base, *(value for value in around if type(value) is type and value.__module__ == base.__module__)]
    for value in [*around, *(value for each in classes for value in vars(each).values())]:
        for part in _parts(value):
            if isinstance(part, types.FunctionType):
                yield part.__code__


def _parts(value: object) -> tuple[object, ...]:
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    if isinstance(value, property):
        return (value.fget, value.fset)
    return (value, value.__dict__.get("__wrapped__")) if isinstance(value, types.FunctionType) else ()


def _mentioned(code: types.CodeType) -> Iterator[str]:
    """The names of attributes and globals in it, and its texts: `getattr(self, "key")` mentions one, too."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, str):
            yield const
        elif isinstance(const, types.CodeType):
            yield from _mentioned(const)
