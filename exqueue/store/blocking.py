"""A command that blocks until a job arrives, the time is over, or somebody wants it to end."""

from __future__ import annotations

import select
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from redis import exceptions as r

from exqueue.store.connection import Connection
from exqueue.store.pool import Command, Pool, exchange, read_reply
from exqueue.store.scripts import Script

LATE: Final = 1.0  # seconds after the end of a block in which its answer must come: a cut connection says nothing


@dataclass(frozen=True, slots=True)
class Behind:
    """A step that is sent behind a command that blocks: the server runs it when that ends, and waits for nobody to hear of it.

    `heard`: called when that end has been heard of, before the answer of the step is read.
    """

    script: Script
    keys: list[str | bytes]
    argv: list[Any]
    heard: Callable[[], None]


def block(pool: Pool, command: Command, seconds: float, wake: int | None, behind: Behind | None) -> Any:
    """Send it, and wait for its end. `seconds`: that it blocks at most; `wake`: a file descriptor that ends it when readable.

    Returns the answer of the step `behind` it, which may be an error; None without one. Raises the error of the command.
    """
    then = [behind.script.by_name(behind.keys, behind.argv)] if behind else []
    with pool.borrowed() as connection:
        client_id = exchange(connection, [("CLIENT", "ID")])[0] if wake is not None else None
        connection.send_packed_command(connection.pack_commands([command, *then]), check_health=False)
        _until_readable(pool, connection, seconds, wake, client_id)
        reply, answer = read_reply(connection), None
        if behind:
            behind.heard()
            answer = read_reply(connection)
    if isinstance(reply, r.ResponseError):
        raise reply
    return answer


def _until_readable(pool: Pool, connection: Connection, seconds: float, wake: int | None, client_id: object) -> None:
    if wake is None:
        return
    ready = readable([connection.fileno(), wake], seconds + LATE)
    if not ready:
        raise r.TimeoutError(f"no answer within {seconds + LATE:g} s")
    if wake in ready and not isinstance(client_id, Exception):
        # Not by closing: the server could still move a job to us, and it would lie there until a sweep.
        with pool.borrowed() as other:
            exchange(other, [("CLIENT", "UNBLOCK", client_id)])


def readable(descriptors: list[int], seconds: float) -> set[int]:
    """Which of these can be read, after waiting at most so long. Not select(): that ends at descriptor 1023."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(max(0.0, seconds) * 1000)}
