"""What is wrong with one queue alone: told once, and once more when it is over; it keeps nothing from the others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Final, TypeVar

from exqueue.model.errors import StoreCorrupt, StoreError, StoreUnavailable

T = TypeVar("T")

LOG: Final = logging.getLogger("exqueue.caretaker")


class Troubles:
    """What a runner cannot do for which of its queues, and why. A key that is wrong is told of once, whatever it is in the way of."""

    def __init__(self) -> None:
        self._why: defaultdict[str, dict[str, frozenset[str]]] = defaultdict(dict)

    def tend(self, what: str, queue: str, action: Callable[[], T]) -> T | None:
        """Do something for one queue; None if it cannot be done. That Redis cannot be reached is no trouble of a queue."""
        try:
            answer = action()
        except StoreUnavailable:
            raise
        except StoreError as error:
            self.note(what, queue, error)
            return None
        self.note(what, queue, None)
        return answer

    def note(self, what: str, queue: str, error: StoreError | None) -> None:
        """How it went."""
        why = self._why[queue]
        if error is None:
            if why.pop(what, None) and not why:
                LOG.info("can look after %s again", queue)
            return
        about = frozenset(error.keys if isinstance(error, StoreCorrupt) else ()) or frozenset({str(error)})
        if not about <= frozenset().union(*why.values()):
            LOG.error("cannot %s for %s, will go on trying: %s", what, queue, error)
        why[what] = about
