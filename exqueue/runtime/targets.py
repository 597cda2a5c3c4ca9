"""From `module` or `module:Worker` to worker types. Imports user code: only the fork server and the tests do that."""

from __future__ import annotations

import importlib
import traceback

from exqueue.model.errors import ConfigError, TargetError
from exqueue.model.text import message_of, one_line
from exqueue.model.worker import Worker, check_worker


def load_targets(targets: list[str]) -> list[type[Worker]]:
    """All worker types the targets name, each once, in the order found. Raises TargetError or ConfigError, one line."""
    found = [worker for target in targets for worker in _load(target)]
    return list(dict.fromkeys(found))


def _load(target: str) -> list[type[Worker]]:
    module_name, colon, name = target.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        guess = module_name.removesuffix(".py").strip("./").replace("/", ".")
        raise TargetError(target, f"name a module, not a file: try {guess}")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name + ".").startswith(error.name + "."):
            raise TargetError(target, f"there is no module {error.name!r}; run it where `python -m {module_name}` works") from error
        raise TargetError(target, f"importing it failed: {one_line(message_of(error))}{_where(error)}") from error
    except BaseException as error:
        said = f"{type(error).__name__}: {one_line(message_of(error))}"
        raise TargetError(target, f"importing it failed: {said}{_where(error)}") from error
    if colon:
        if not hasattr(module, name):
            raise TargetError(target, f"module {module_name} has no {name!r}; it has {_names(module) or 'no workers'}")
        return [check_worker(getattr(module, name))]
    workers = _workers(module)
    if not workers:
        raise TargetError(target, "there is no worker in it; define a class that inherits from exqueue.Worker and has perform")
    try:
        return [check_worker(worker) for worker in workers]
    except ConfigError as error:
        raise TargetError(target, str(error)) from error


def _workers(module: object) -> list[type[Worker]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Worker) and value is not Worker and callable(getattr(value, "perform", None))
    ]


def _names(module: object) -> str:
    return ", ".join(worker.__name__ for worker in _workers(module))


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({one_line(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
