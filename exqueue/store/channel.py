"""Requests and replies. The one place where a request is sent again, and where errors of redis-py become ours."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from redis import exceptions as r

from exqueue.model.errors import StoreCorrupt, StoreError, StoreRefused, StoreUnavailable
from exqueue.model.text import one_line
from exqueue.store.connection import Connection, connector, safe_url
from exqueue.store.keys import KINDS
from exqueue.store.scripts import Script

Command = tuple[Any, ...]

_REFUSALS: Final = {
    "OOM": "its memory is full; free some or raise maxmemory",
    "MISCONF": "it cannot write to its disk; see its log",
    "READONLY": "it is a read-only replica; connect to the primary",
    "NOREPLICAS": "too few replicas are connected; see min-replicas-to-write",
    "NOPERM": "this user has no right to do that; see its ACL",
    "NOAUTH": "it wants a password; put it in the URL",
    "WRONGPASS": "the user or the password is wrong; correct the URL",
    "NOPROTO": "it is older than Redis 6.2",
}
_FOREIGN: Final = frozenset({"WRONGTYPE", "CORRUPT"})
_CODES: Final = frozenset({*_REFUSALS, *_FOREIGN, "BUSY"})
_TRANSIENT: Final = (r.ConnectionError, r.TimeoutError, r.BusyLoadingError, OSError)


class Channel:
    """Connections to one server, made when needed, never shared by two threads or carried over a fork.

    Everything sent through `ask` and `run` gives the same answer when asked again; that is why it may be.
    `patience`: for how many seconds a request is tried again before `StoreUnavailable`.
    """

    def __init__(self, connect: Callable[[], Connection], *, where: str, patience: float, leave: Callable[[], None] = lambda: None) -> None:
        self._connect = connect
        self._leave = leave
        self._where = where
        self._patience = patience
        self._idle: deque[Connection] = deque()
        self._pid = os.getpid()

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send plain commands together, read their replies. Raises StoreError for the first that failed."""
        replies, uncertain = self._patiently(lambda c: self._exchange(c, commands))
        return [self._or_raise(reply, uncertain) for reply in replies]

    def run(self, script: Script, keys: list[str | bytes], argv: list[Any]) -> list[Any]:
        """Run one step and return its reply, whose first element is one of the words its header promises."""
        reply, uncertain = self._patiently(lambda c: self._evaluate(c, script, keys, argv))
        if isinstance(reply, r.ResponseError):
            kinds = [KINDS[name] for name in script.keys]
            kinds = [*kinds, *kinds[-1:] * len(keys)][: len(keys)]  # the last key may stand for many
            raise self._corrupt(keys, kinds, reply) if _code(reply) in _FOREIGN else self._translate(reply, uncertain)
        if not isinstance(reply, list) or reply[0] not in script.replies:
            raise StoreError(f"{script.name}.lua gave an answer its header does not know: {reply!r:.100}")
        return reply

    def wait_for_move(self, source: str, target: str, seconds: float, wake: int | None) -> None:
        """Block in BLMOVE until a job arrives, the time is over, or `wake` (a file descriptor) becomes readable.

        The reply is not returned: after a lost one it could not be trusted anyway. What `target` holds is the truth.
        """
        with self._borrowed() as connection:
            try:
                client_id = self._exchange(connection, [("CLIENT", "ID")])[0] if wake is not None else None
                connection.send_command("BLMOVE", source, target, "LEFT", "RIGHT", seconds)
                self._until_readable(connection, seconds, wake, client_id)
                connection.read_response()
            except r.ResponseError as error:
                foreign = _code(error) in _FOREIGN
                raise self._corrupt([source, target], ["list", "list"], error) if foreign else self._translate(error) from error
            except _TRANSIENT as error:
                raise self._unavailable(error) from error

    def wait_for_entries(self, places: dict[str, str], seconds: float, most: int) -> list[Any]:
        """Entries of streams behind these places (key -> id), as XREAD answers; blocks at most so long if there are none."""
        if not places:
            time.sleep(seconds)
            return []
        command = ("XREAD", "COUNT", most, "BLOCK", max(1, round(seconds * 1000)), "STREAMS", *places.keys(), *places.values())
        found = self.ask([command])[0] or []
        return list(found.items()) if isinstance(found, dict) else list(found)

    def close(self) -> None:
        """Close what is idle, and leave the server. The channel can still be used; it connects again."""
        self._hang_up()
        self._leave()

    def _hang_up(self) -> None:
        with contextlib.suppress(IndexError):  # other threads take some out meanwhile
            while True:
                self._idle.pop().disconnect()

    def _until_readable(self, connection: Connection, seconds: float, wake: int | None, client_id: object) -> None:
        if wake is None:
            return
        sock: Any = getattr(connection, "_sock")  # noqa: B009 (redis-py has no public name for it)
        if wake in readable([sock.fileno(), wake], seconds + 3) and not isinstance(client_id, Exception):
            # Not by closing: the server could still move a job to us, and it would lie there until a sweep.
            with self._borrowed() as other:
                self._exchange(other, [("CLIENT", "UNBLOCK", client_id)])

    @contextmanager
    def _borrowed(self) -> Iterator[Connection]:
        if self._pid != os.getpid():  # a fork: the sockets belong to the parent, whose replies we must not steal
            self._idle, self._pid = deque(), os.getpid()
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except BaseException:  # what is still on its way must not be taken for the answer to something else
            connection.disconnect()
            raise
        self._idle.append(connection)

    def _patiently(self, action: Callable[[Connection], Any]) -> tuple[Any, bool]:
        """What came of it, and whether an earlier try may have been carried out, too: an error is then not the whole truth."""
        deadline, pause, uncertain = time.monotonic() + self._patience, 0.01, False
        while True:
            try:
                with self._borrowed() as connection:
                    return action(connection), uncertain
            except r.AuthenticationError as error:
                raise self._translate(error, uncertain) from error
            except StoreUnavailable as error:  # an embedded server that does not come up; it may have been killed while starting
                if time.monotonic() + pause > deadline:
                    error.uncertain = uncertain
                    raise
            except _TRANSIENT as error:
                self._hang_up()  # a restarted server has closed the others too
                uncertain = uncertain or not _surely_unsent(error)
                if time.monotonic() + pause > deadline:
                    raise self._unavailable(error, uncertain=uncertain) from error
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    @staticmethod
    def _exchange(connection: Connection, commands: Sequence[Command]) -> list[Any]:
        connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(connection.read_response())
            except r.ResponseError as error:
                if _code(error) == "BUSY":
                    raise r.ConnectionError(str(error)) from error
                replies.append(error)
        return replies

    def _evaluate(self, connection: Connection, script: Script, keys: list[str | bytes], argv: list[Any]) -> Any:
        command = ("EVALSHA", script.sha, len(keys), *keys, *argv)
        reply = self._exchange(connection, [command])[0]
        if isinstance(reply, r.NoScriptError):
            known = self._exchange(connection, [("EVAL", script.source, *command[2:])])[0]  # from now on it is known
            return self._load(connection, script, command, known) if isinstance(known, r.NoPermissionError) else known
        return reply

    def _load(self, connection: Connection, script: Script, command: Command, refusal: Any) -> Any:
        """For a user who may run no scripts but ours, by their hashes: `exqueue acl --pin-scripts`."""
        loaded = self._exchange(connection, [("SCRIPT", "LOAD", script.source)])[0]
        return refusal if isinstance(loaded, r.ResponseError) else self._exchange(connection, [command])[0]

    def _or_raise(self, reply: Any, uncertain: bool) -> Any:
        if isinstance(reply, r.ResponseError):
            raise self._translate(reply, uncertain) from reply
        return reply

    def _corrupt(self, keys: Sequence[str | bytes], kinds: list[str], error: r.ResponseError) -> StoreError:
        if _code(error) == "CORRUPT":
            return StoreCorrupt(f"somebody else wrote to a key of this queue: {one_line(str(error))}; set it right")
        found = zip(keys, kinds, self.ask([("TYPE", key) for key in keys]), strict=True)
        wrong = [(key, kind.decode()) for key, right, kind in found if kind not in (b"none", right.encode())]
        names = [(key if isinstance(key, str) else key.decode("utf-8", "surrogateescape"), kind) for key, kind in wrong]
        held = ", ".join(f"{one_line(name)} is a {kind}" for name, kind in names)
        return StoreCorrupt(f"a key of this queue has the wrong type, somebody else writes to it ({held}); rename or delete it: {error}")

    def _translate(self, error: r.RedisError, uncertain: bool = False) -> StoreError:
        code = _code(error)
        advice = _REFUSALS.get(code)
        if isinstance(error, r.AuthenticationError | r.AuthorizationError) and advice is None:
            advice = "the user or the password is wrong; correct the URL"
        if advice is not None:
            said = f"Redis at {self._where} refuses: {advice} ({one_line(str(error), 120)})"
            return StoreRefused(said, uncertain=uncertain, code=code)
        return StoreError(f"Redis at {self._where} answered with an error: {one_line(str(error), 200)}", uncertain=uncertain)

    def _unavailable(self, error: Exception, *, uncertain: bool = True) -> StoreUnavailable:
        said = one_line(str(error), 160).rstrip(".") or type(error).__name__
        return StoreUnavailable(f"cannot reach Redis at {self._where}: {said}; is it running, is EXQUEUE_URL right?", uncertain=uncertain)


def readable(descriptors: list[int], seconds: float) -> set[int]:
    """Which of these can be read, after waiting at most so long. Not select(): that ends at descriptor 1023."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(max(0.0, seconds) * 1000)}


def _code(error: Exception) -> str:
    """The code of an error of Redis. redis-py takes off those it has a class for; Redis 6 puts scripts' inside the text."""
    words = [str(getattr(error, "status_code", "")), *str(error).split(" ")]
    return next((code for word in words if (code := word.removeprefix("-")) in _CODES), "")


def _surely_unsent(error: Exception) -> bool:
    said = str(error)
    return isinstance(error, r.BusyLoadingError) or "connecting to" in said.lower() or said.startswith("Error 111")


def open_channel(url: str, *, timeout: float = 5.0, patience: float, start: float = 30.0) -> Channel:
    """A channel to the server of a URL.

    `timeout`: seconds for one reply; it must be longer than any block in BLMOVE. `start`: seconds that an embedded
    server gets to start and load its data.

    Raises:
        ConfigError: the URL cannot be used.
    """
    connect = connector(url, timeout, start)
    return Channel(connect, where=safe_url(url), patience=patience, leave=connect.leave)
