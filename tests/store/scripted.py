"""A connection whose replies are known beforehand."""

from __future__ import annotations

from typing import Any


class Scripted:
    """One reply for each request, whoever asks; an exception is raised. `afresh`: what there is to read after a new connection."""

    def __init__(self, replies: list[Any], afresh: list[Any] | None = None) -> None:
        self._replies, self._afresh = replies, afresh

    def pack_commands(self, commands: Any) -> list[bytes]:
        return []

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        pass

    def read_response(self) -> Any:
        reply = self._replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def disconnect(self) -> None:
        if self._afresh is not None:
            self._replies = self._afresh
