"""Settings: flag, then environment, then pyproject.toml, then default; each knows where it came from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from exqueue.model.errors import ConfigError
from exqueue.model.keyfile import made_keys, parse_keys, read_keys
from exqueue.model.names import check_name
from exqueue.model.redact import DEFAULT, Redact
from exqueue.model.signing import NO_KEYS, Keys
from exqueue.model.text import one_line


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `lease`, `grace`, `kill_after`, `patience`: seconds. `max_body`: bytes.

    `url`: `redis://`, `rediss://`, `unix://`, `redis+sentinel://`, `redis+cluster://` (both also `rediss+…`), or `embedded:DIR`;
    the embedded server in `./.exqueue` by default.
    `lease`: a runner on another host is taken for dead when it has not been heard of for so long.
    `kill_after`: how long a job that was told to stop, by its time limit or by a person, has until it is killed.
    `accept_data_loss`: run also on a server that evicts keys, and say nothing of one without an append-only file.
    `patience`: how long a client goes on trying to reach Redis before it raises.
    `durability`: `local`, what Redis has acknowledged; or `replicated`, what `replicas` of its replicas have confirmed, too.
    `signing_keys`: none for the embedded server means those of its directory, see `keys_of`.
    `redact`: names of arguments, with * and ?, separated by commas, whose values are not shown.
    """

    url: str = "embedded:.exqueue"
    namespace: str = "exq"
    lease: float = 30.0
    grace: float = 30.0
    kill_after: float = 10.0
    patience: float = 5.0
    max_body: int = 16 * 1024 * 1024
    accept_data_loss: bool = False
    durability: str = "local"
    replicas: int = 1
    signing_keys: Keys = NO_KEYS
    redact: str = DEFAULT

    def __post_init__(self) -> None:
        check_name("namespace", self.namespace)
        Redact.parse(self.redact)
        if not isinstance(self.signing_keys, Keys):
            raise ConfigError("signing_keys takes Keys; write Keys.parse(...)")
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


def keys_of(settings: Settings, *, make: bool = True) -> Keys:
    """The keys that these settings lead to: those that are set, else those of the embedded server's directory.

    `make`: make one there if it has none. Raises ConfigError.
    """
    scheme, _, directory = settings.url.partition(":")
    if settings.signing_keys or scheme != "embedded":
        return settings.signing_keys
    return made_keys(Path(directory), make=make)


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
            values[name] = _keys(value, source, directory) if name == "signing_keys" else _convert(name, value, source)
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
        if environment.get(variable) or (name == "signing_keys" and variable in environment):
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
    if kind is bool:
        return _switch(name, value, source)
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{source}: {name} is {value!r}; it takes a number") from None


def _switch(name: str, value: Any, source: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return known[str(value).lower()]
    except KeyError:
        raise ConfigError(f"{source}: {name} is {value!r}; it takes true or false") from None


def _keys(value: Any, source: str, directory: Path) -> Keys:
    """No message of these names what was given: it may be a key."""
    try:
        if value == "none":  # as `exqueue config` shows it
            return NO_KEYS
        if isinstance(value, str) and value.startswith("file:"):
            return read_keys(directory / Path(value.removeprefix("file:")).expanduser())
        if source == "pyproject.toml" or not isinstance(value, str):
            raise ConfigError("signing_keys takes only file:PATH here: a key in a repository is no secret")
        if not (keys := parse_keys(value, directory)):
            raise ConfigError("there is no key in it; if a secret was to be filled in, see why it was not; write none for no keys")
        return keys
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
