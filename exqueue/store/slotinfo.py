"""Who owns a slot: what a worker process says of itself when it opens one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class SlotInfo:
    """Who owns a slot. `host`: names a machine (boot and pid namespace) where `pid` and its start time `start` mean something.

    `lease`: seconds of silence after which its runner expects to be taken for dead.
    """

    slot: str
    runner: str = ""
    host: str = ""
    pid: int = 0
    start: int = 0
    runner_pid: int = 0
    runner_start: int = 0
    worker: str = ""
    hostname: str = ""
    lease: float = 0.0

    def encode(self) -> str:
        """One line of JSON, without the slot, which is the field it is stored under."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__ if name != "slot"}, separators=(",", ":"))

    @staticmethod
    def decode(slot: str, raw: bytes) -> SlotInfo:
        """Never raises: what cannot be read is a slot of an unknown runner, which its lease will tell."""
        return SlotInfo.read(slot, raw) or SlotInfo(slot)

    @staticmethod
    def read(slot: str, raw: bytes) -> SlotInfo | None:
        """The same; None for what cannot be read."""
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            return None
        known = {name: data.get(name, default) for name, default in _SLOT_DEFAULTS.items()}  # older runners say less
        if type(known["lease"]) is int and abs(known["lease"]) < 10**9:
            known["lease"] = float(known["lease"])
        return SlotInfo(slot, **known) if all(type(known[name]) is type(value) for name, value in _SLOT_DEFAULTS.items()) else None


_SLOT_DEFAULTS: Final[dict[str, Any]] = {
    "runner": "", "host": "", "pid": 0, "start": 0, "runner_pid": 0, "runner_start": 0, "worker": "", "hostname": "", "lease": 0.0,
}  # fmt: skip
