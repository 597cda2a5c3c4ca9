"""Queues that somebody else wrote to: what is wrong with one is told after all others were looked at, and hides none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from exqueue.model.errors import StoreCorrupt

T = TypeVar("T")


class Unreadable:
    """What could not be read, kept until whoever looks is through with the rest; the same thing only once.

    `with unreadable:` stands around what looks at one queue: it keeps the error, and lets go on with the next queue.
    """

    def __init__(self) -> None:
        self._errors: dict[tuple[str, ...], StoreCorrupt] = {}  # by key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        if not isinstance(error, StoreCorrupt):
            return False
        for one in error.parts or (error,):
            self._errors.setdefault(one.keys or (one.fault,), one)
        return True

    def through(self, items: Iterable[T]) -> Iterator[T]:
        """What is read of one queue, up to where it cannot be read."""
        with self:
            yield from items

    def raise_any(self) -> None:
        """Raise what was kept, as one StoreCorrupt; nothing if all could be read."""
        errors = tuple(self._errors.values())
        if errors:
            advice = "; ".join(dict.fromkeys(error.advice for error in errors if error.advice))
            keys = tuple(key for error in errors for key in error.keys)
            uncertain = any(error.uncertain for error in errors)
            raise StoreCorrupt("; and ".join(self.faults), advice=advice, uncertain=uncertain, keys=keys, parts=errors) from errors[0]

    def __bool__(self) -> bool:
        return bool(self._errors)

    @property
    def faults(self) -> list[str]:
        """What is wrong, a line each, without advice."""
        return [error.fault for error in self._errors.values()]
