"""Names: of queues, keys, namespaces and jobs. They end up in Redis keys and on terminals."""

from __future__ import annotations

from exqueue.model.errors import ConfigError


def check_name(what: str, name: object) -> str:
    """The name itself: letters, digits and `._:@/-`, at most 200 of them.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(name, str) or not 0 < len(name) <= 200 or not (name.isalnum() or all(c.isalnum() or c in "._:@/-" for c in name)):
        raise ConfigError(f"{what} {name!r} is not a name: use 1 to 200 letters, digits and any of . _ : @ / -")
    if name[0] == "-":
        raise ConfigError(f"{what} {name!r} begins with '-', so a command line would take it for an option; begin it otherwise")
    return name
