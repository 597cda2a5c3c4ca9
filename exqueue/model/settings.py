"""Settings: flag, then environment, then pyproject.toml, then default; each knows where it came from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from exqueue.model.errors import ConfigError
from exqueue.model.names import check_name
from exqueue.model.text import one_line


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `lease`, `grace`, `kill_after`, `patience`: seconds. `max_body`: bytes.

    `url`: `redis://`, `rediss://`, `unix://`, `redis+sentinel://`, `redis+cluster://` (both also `rediss+…`), or `embedded:DIR`;
    the embedded server in `./.exqueue` by default.
    `lease`: a runner on another host is taken for dead when it has not been heard of for so long.
    `kill_after`: how long a job that was told to stop, by its time limit or by a person, has until it is killed.
    `patience`: how long a client goes on trying to reach Redis before it raises.
    `durability`: `local`, what Redis has acknowledged; or `replicated`, what `replicas` of its replicas have confirmed, too.
    """

    url: str = "embedded:.exqueue"
    namespace: str = "exq"
    lease: float = 30.0
    grace: float = 30.0
    kill_after: float = 10.0
    patience: float = 5.0
    max_body: int = 16 * 1024 * 1024
    durability: str = "local"
    replicas: int = 1

    def __post_init__(self) -> None:
        check_name("namespace", self.namespace)
        for name, least in (("lease", 0.5), ("grace", 0), ("kill_after", 0), ("patience", 0), ("max_body", 1), ("replicas", 1)):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not value >= least:
                raise ConfigError(f"{name} is {value!r}; it takes a number from {least}")
            if name not in ("max_body", "replicas"):
                object.__setattr__(self, name, float(value))
        if not isinstance(self.replicas, int):
            raise ConfigError(f"replicas is {self.replicas!r}; it takes a whole number")
        if self.durability not in ("local", "replicated"):
            raise ConfigError(f"durability is {one_line(repr(self.durability))}; it is local or replicated")

    @property
    def copies(self) -> int:
        """How many replicas must have confirmed a job before it counts as accepted."""
        return self.replicas if self.durability == "replicated" else 0


@dataclass(frozen=True, slots=True)
class Sourced:
    """Settings and, by name, where each came from."""

    settings: Settings
    sources: dict[str, str]


def load(flags: Mapping[str, Any], environment: Mapping[str, str], directory: Path) -> Sourced:
    """Settings from the three sources; what is None in `flags` counts as not given.

    Raises:
        ConfigError: a value that cannot be read, naming its source.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, found in _layers(flags, environment, directory):
        for name, value in found.items():
            values[name] = _convert(name, value, source)
            sources[name] = source
    for field in fields(Settings):
        sources.setdefault(field.name, "default")
    return Sourced(Settings(**values), sources)


def _layers(flags: Mapping[str, Any], environment: Mapping[str, str], directory: Path) -> list[tuple[str, dict[str, Any]]]:
    names = [field.name for field in fields(Settings)]
    file = _pyproject(directory)
    unknown = sorted(set(file) - set(names))
    if unknown:
        raise ConfigError(f"pyproject.toml [tool.exqueue]: unknown setting {unknown[0]!r}; known are {', '.join(names)}")
    layers = [("pyproject.toml", file)]
    for name in names:
        variable = f"EXQUEUE_{name.upper()}"
        if environment.get(variable):
            layers.append((variable, {name: environment[variable]}))
    return [*layers, ("flag", {name: value for name, value in flags.items() if value is not None})]


def _pyproject(directory: Path) -> dict[str, Any]:
    path = directory / "pyproject.toml"
    if not path.is_file():
        return {}
    try:
        tool = tomllib.loads(path.read_text("utf-8")).get("tool", {})
        table = tool.get("exqueue", {}) if isinstance(tool, dict) else None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {one_line(str(error))}") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [tool.exqueue] must be a table of settings")
    return table


def _convert(name: str, value: Any, source: str) -> Any:
    kind: Any = type(next(field.default for field in fields(Settings) if field.name == name))
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{source}: {name} is {value!r}; it takes a number") from None
