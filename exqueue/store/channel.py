"""Requests and replies. The one place where a request is sent again, and where errors of redis-py become ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from redis import exceptions as r

from exqueue.model.errors import StoreCorrupt, StoreError, StoreUnavailable
from exqueue.model.text import one_line, printable
from exqueue.store.blocking import Behind, block
from exqueue.store.cluster import keys_of
from exqueue.store.connection import Connection, connector, safe_url
from exqueue.store.keys import KINDS
from exqueue.store.pool import TRANSIENT, Command
from exqueue.store.refusals import foreign, plain, surely_unsent, translate, unavailable
from exqueue.store.scripts import Script
from exqueue.store.several import several
from exqueue.store.topology import Single, Topology

T = TypeVar("T")

REPLY: Final = 3.0  # seconds for a reply to those who must be at work again within five
WAIT: Final = 1.0  # seconds that replicas get at once; then it is time to ask whether they follow somebody else
MEND: Final = "delete it, or rename it to what begins otherwise, then run `exqueue fsck --repair`"
SET_RIGHT: Final = "`exqueue fsck --repair` sets it right"
LOOK_EVERY: Final = 0.2  # seconds, where no command can wait for everything at once


class Channel:
    """The way to a server, or to several that work together; used by several threads, and after a fork.

    Everything sent through `ask` and `run` gives the same answer when asked again; that is why it may be.
    `to`: where requests go, or what makes a connection to the only server. `patience`: for how many seconds a request is
    tried again before `StoreUnavailable`.
    """

    def __init__(
        self, to: Callable[[], Connection] | Topology, *, where: str, patience: float, leave: Callable[[], None] = lambda: None
    ) -> None:
        self._topology = Single(to) if callable(to) else to
        self._leave = leave
        self._where = where
        self._patience = patience

    def ask(self, commands: Sequence[Command], *, near: str = "") -> list[Any]:
        """Send plain commands together, read their replies. Raises StoreError for the first that failed.

        `near`: a key; in a cluster, commands without one go to its node.
        """
        replies, uncertain = self._patiently(commands, near=near)
        return [self._or_raise(command, reply, uncertain) for command, reply in zip(commands, replies, strict=True)]

    def run(self, script: Script, keys: list[str | bytes], argv: list[Any], again: Callable[[], list[Any]] | None = None) -> list[Any]:
        """Run one step and return its reply, whose first element is one of the words its header promises.

        `again`: what to give it instead once it may have been done already.
        """
        return self._step(script, keys, argv, again=again)[0]

    def run_confirmed(self, script: Script, keys: list[str | bytes], argv: list[Any], touch: Command, copies: int) -> tuple[list[Any], int]:
        """Run one step and wait for replicas in the same round trip; its first reply, and how many have at last what it wrote.

        With fewer than `copies` it is asked again while patience lasts, and whoever knows is asked for the server again: one
        that no replica follows may have been replaced. `touch`: a write that changes nothing. WAIT waits for the writes of
        its own connection, and of a job that is known already the step writes none.
        """
        deadline, first, confirmed = time.monotonic() + self._patience, None, 0
        while first is None or (confirmed < copies and time.monotonic() < deadline):
            try:
                reply, confirmed = self._confirmed(script, keys, argv, touch, copies)
            except StoreError:
                if first is None:
                    raise
                break  # it was written once, and that is what the caller has to know
            first = first or reply  # the later ones no longer say what the step has done
            if confirmed < copies:
                self._topology.hang_up()
        return first, confirmed

    def wait_for_move(self, source: str, target: str, seconds: float, wake: int | None, behind: Behind | None = None) -> list[Any] | None:
        """Block in BLMOVE until a job arrives, the time is over, or `wake` (a file descriptor) becomes readable.

        Its reply is not returned: after a lost one it could not be trusted anyway. What `target` holds is the truth.
        Returns the answer of what was sent `behind` it; None where that is to be asked for by itself, as where a server that was
        replaced might have given it.
        """
        try:
            pool = self._topology.pool(source)
        except (r.AuthenticationError, r.ResponseError) as error:
            raise translate(error, self._where) from error
        except TRANSIENT as error:
            raise unavailable(error, self._where, uncertain=False) from error
        try:
            behind = behind if self._topology.alone else None
            answer = block(pool, ("BLMOVE", source, target, "LEFT", "RIGHT", seconds), seconds, wake, behind)
        except r.MovedError as error:  # nothing was moved; whoever asks again asks the right node
            self._topology.heed(pool, error)
        except r.AuthenticationError as error:  # one of TRANSIENT, too, but not for time to mend
            raise translate(error, self._where) from error
        except r.ResponseError as error:
            heeded = self._topology.heed(pool, error)
            if isinstance(heeded, TRANSIENT):
                raise unavailable(heeded, self._where, uncertain=False) from error
            if foreign(error):
                raise self._corrupt([source, target], ["list", "list"], error) from error
            raise translate(error, self._where, command="BLMOVE") from error
        except TRANSIENT as error:
            raise unavailable(self._topology.heed(pool, error), self._where) from error
        else:
            known = behind and not isinstance(answer, r.ResponseError)
            return self._checked(behind.script, behind.keys, answer, uncertain=False) if behind and known else None
        return None

    def wait_for_entries(self, places: dict[str, str], seconds: float, most: int) -> list[Any]:
        """Entries of streams behind these places (key -> id), as XREAD answers; waits at most so long if there are none."""
        if not places:
            time.sleep(seconds)
            return []
        groups = self._topology.groups(list(places))
        if len(groups) == 1:
            return self._entries(places, groups, most, ("BLOCK", max(1, round(seconds * 1000))))
        deadline = time.monotonic() + seconds  # no command may name keys of several slots
        while not (found := self._entries(places, groups, most, ())) and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_EVERY))
        return found

    def everywhere(self) -> dict[str, str]:
        """For each server, by its address, a key on it, to be given as `near`; both are empty if it is the only one.

        Raises StoreError, as `ask` does: a cluster has to be asked for its nodes.
        """
        return self._insist(self._topology.everywhere)[0]

    def close(self) -> None:
        """Close what is idle, and leave the server. The channel can still be used; it connects again."""
        self._topology.hang_up()
        self._leave()

    def _entries(self, places: dict[str, str], groups: list[list[str]], most: int, block: Command) -> list[Any]:
        commands = [("XREAD", "COUNT", most, *block, "STREAMS", *keys, *(places[key] for key in keys)) for keys in groups]
        replies = [found or [] for found in self.ask(commands)]
        return [entry for found in replies for entry in (found.items() if isinstance(found, dict) else found)]

    def _step(
        self, script: Script, keys: list[str | bytes], argv: list[Any], *more: Command, again: Callable[[], list[Any]] | None = None
    ) -> tuple[list[Any], list[Any]]:
        """The reply of a step, and those of commands that go with it over the same connection."""
        by_name, together = script.by_name(keys, argv), bool(more)
        later = None if again is None else lambda: script.by_name(keys, again())
        replies, uncertain = self._patiently([by_name, *more], together=together, again=later)
        if later and isinstance(replies[0], r.NoScriptError | r.NoPermissionError):
            by_name = later()  # it was not done now, but before, perhaps
        if isinstance(replies[0], r.NoScriptError):  # from now on it is known
            replies, uncertain = self._patiently([("EVAL", script.source, *by_name[2:]), *more], together=together)
        if isinstance(replies[0], r.NoPermissionError):
            # For a user who may run no scripts but ours, by their hashes: `exqueue acl --pin-scripts`.
            loaded, _ = self._patiently([("SCRIPT", "LOAD", script.source)], near=str(keys[0]))
            if not isinstance(loaded[0], r.ResponseError):
                replies, uncertain = self._patiently([by_name, *more], together=together)
        others = [self._or_raise(command, reply, uncertain) for command, reply in zip(more, replies[1:], strict=True)]
        return self._checked(script, keys, replies[0], uncertain), others

    def _confirmed(self, script: Script, keys: list[str | bytes], argv: list[Any], touch: Command, copies: int) -> tuple[list[Any], int]:
        wait = ("WAIT", copies, round(min(WAIT, max(0.05, self._patience / 2)) * 1000))
        reply, others = self._step(script, keys, argv, touch, wait)
        return reply, others[-1]

    def _patiently(
        self, commands: Sequence[Command], *, near: str = "", together: bool = False, again: Callable[[], Command] | None = None
    ) -> tuple[list[Any], bool]:
        if again is None:
            return self._insist(lambda: self._topology.exchange(commands, near=near, together=together))
        tries = iter(_first_and_then(commands, again))
        return self._insist(lambda: self._topology.exchange(next(tries), near=near, together=together))

    def _insist(self, action: Callable[[], T]) -> tuple[T, bool]:
        """What it comes to, and whether an earlier try may have been carried out, too: an error is then not the whole truth."""
        deadline, pause, uncertain = time.monotonic() + self._patience, 0.01, False
        while True:
            try:
                return action(), uncertain
            except (r.AuthenticationError, r.ResponseError) as error:
                raise translate(error, self._where, uncertain=uncertain) from error
            except StoreUnavailable as error:  # an embedded server that does not come up; it may have been killed while starting
                if time.monotonic() + pause > deadline:
                    error.uncertain = uncertain
                    raise
            except TRANSIENT as error:
                uncertain = uncertain or not surely_unsent(error)
                if time.monotonic() + pause > deadline:
                    raise unavailable(error, self._where, uncertain=uncertain) from error
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _checked(self, script: Script, keys: list[str | bytes], reply: Any, uncertain: bool) -> list[Any]:
        if isinstance(reply, r.ResponseError):
            kinds = [KINDS[name] for name in script.keys]
            kinds = [*kinds, *kinds[-1:] * len(keys)][: len(keys)]  # the last key may stand for many
            if foreign(reply):
                raise self._corrupt(keys, kinds, reply)
            raise translate(reply, self._where, uncertain=uncertain, step=script.name)
        if not isinstance(reply, list) or reply[0] not in script.replies:
            raise StoreError(f"{script.name}.lua gave an answer its header does not know: {_in_words(reply)}")
        return reply

    def _or_raise(self, command: Command, reply: Any, uncertain: bool) -> Any:
        if isinstance(reply, r.ResponseError):
            if foreign(reply):
                name = one_line(printable(keys_of([command], "")[0]))
                fault = f"{name} has the wrong type, somebody else writes to it"
                raise StoreCorrupt(fault, advice=MEND, uncertain=uncertain, keys=(name,)) from reply
            raise translate(reply, self._where, uncertain=uncertain, command=command[0]) from reply
        return reply

    def _corrupt(self, keys: Sequence[str | bytes], kinds: list[str], error: r.ResponseError) -> StoreError:
        if foreign(error) == "CORRUPT":
            counters = tuple(one_line(key) for key in keys if isinstance(key, str) and key.endswith(":counters"))
            return StoreCorrupt(plain(error).removeprefix("CORRUPT "), advice=SET_RIGHT, keys=counters)
        wrong = wrong_types(self, keys, kinds)
        return mistyped(wrong) if wrong else StoreCorrupt("a key of this queue had the wrong type a moment ago", advice="ask again")


def wrong_types(channel: Channel, keys: Sequence[str | bytes], kinds: list[str]) -> dict[str, str]:
    """Those of these keys that are there, but of another kind: of which."""
    found = zip(keys, kinds, channel.ask([("TYPE", key) for key in keys]), strict=True)
    wrong = [(key, kind.decode()) for key, right, kind in found if kind not in (b"none", right.encode())]
    return {one_line(key if isinstance(key, str) else key.decode("utf-8", "surrogateescape")): kind for key, kind in wrong}


def mistyped(wrong: dict[str, str]) -> StoreCorrupt:
    """The error that names these keys, each with the kind that it is."""
    held = ", ".join(f"{name} is a {kind}" for name, kind in wrong.items())
    return StoreCorrupt(f"a key of this queue has the wrong type, somebody else writes to it ({held})", advice=MEND, keys=tuple(wrong))


def _in_words(reply: Any) -> str:
    parts = reply if isinstance(reply, list) else [reply]
    return one_line(" ".join(printable(part) if isinstance(part, bytes) else str(part) for part in parts), 100)


def _first_and_then(commands: Sequence[Command], again: Callable[[], Command]) -> Iterator[Sequence[Command]]:
    yield commands
    while True:
        yield [again()]


def open_channel(url: str, *, timeout: float = 5.0, patience: float, start: float = 30.0) -> Channel:
    """A channel to the server of a URL, or to the servers.

    `timeout`: seconds for one reply; it must be longer than any block in BLMOVE. `start`: seconds that an embedded
    server gets to start and load its data.

    Raises:
        ConfigError: the URL cannot be used.
    """
    if url.partition("://")[0].endswith(("+sentinel", "+cluster")):
        return Channel(several(url, timeout), where=safe_url(url), patience=patience)
    connect = connector(url, timeout, start)
    return Channel(connect, where=safe_url(url), patience=patience, leave=connect.leave)
