"""What `perform` can be called with."""

from __future__ import annotations

import difflib
import functools
import inspect
import types
from typing import Any

from exqueue.model.errors import BadArguments, ConfigError


@functools.lru_cache(maxsize=1024)
def _signature(worker: type[object]) -> inspect.Signature:
    perform: Any = inspect.getattr_static(worker, "perform")
    bound = types.MethodType(perform, object()) if inspect.isfunction(perform) else getattr(worker, "perform")  # noqa: B009 (an object, as far as mypy knows)
    try:
        return inspect.signature(bound)  # as it will be called: without self, whatever that is called
    except ValueError:
        raise ConfigError(f"{worker.__name__}.perform takes no arguments at all; write def perform(self, ...)") from None


@functools.lru_cache(maxsize=1024)
def _arity(worker: type[Any]) -> range:
    """How many positional arguments alone `perform` can be called with; none where that is not all there is to say."""
    parameters = _signature(worker).parameters.values()  # type: ignore[arg-type]
    if any(one.kind is not one.POSITIONAL_OR_KEYWORD for one in parameters):
        return range(0)
    return range(sum(one.default is one.empty for one in parameters), len(parameters) + 1)


@functools.lru_cache(maxsize=1024)
def positional_names(worker: type[Any]) -> tuple[str, ...]:
    """The names of the parameters of `perform` that positional arguments go to; the last one may take all that are left."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return tuple(name for name, parameter in _signature(worker).parameters.items() if parameter.kind in kinds)  # type: ignore[arg-type]


def check_arguments(worker: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Bind the arguments to `perform` now, so that a wrong call fails where it is written, not at night in a worker.

    Raises:
        BadArguments: naming the parameter that is missing, unknown, or given too often.
    """
    if not kwargs and len(args) in _arity(worker):  # type: ignore[arg-type]
        return
    signature = _signature(worker)  # type: ignore[arg-type]
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    for name in kwargs:  # told before what is missing: a misspelt name explains why something is
        if name not in signature.parameters and not takes_any:
            near = difflib.get_close_matches(name, signature.parameters, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadArguments(worker.__name__, str(signature), f"got an unexpected keyword argument {name!r}{hint}", name)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        reason = str(error)
        quoted = reason.split("'")
        parameter = quoted[1] if len(quoted) == 3 else None
        raise BadArguments(worker.__name__, str(signature), reason, parameter) from None
