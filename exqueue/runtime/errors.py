"""The errors of one start as they are stored: text, bounded, and without what is secret."""

from __future__ import annotations

import os
import socket
import time
import traceback
from typing import Final

from exqueue.model.errors import CannotLoad
from exqueue.model.job import Claim, ErrorInfo
from exqueue.model.redact import Redact
from exqueue.model.secret import Mask
from exqueue.model.text import message_of, shorten

TRACEBACK_LIMIT: Final = 8000
MESSAGE_LIMIT: Final = 1000
_LONGEST_READ: Final = 1_000_000  # characters that are searched for secrets


class Errors:
    """Of one start. `heard`: the job's `secret(...)` arguments, once they are known. `own`: files whose frames are not shown."""

    def __init__(self, claim: Claim, redact: Redact, own: tuple[str, ...]) -> None:
        self._claim = claim
        self._redact = redact
        self._own = own
        self.heard: list[object] = []

    @property
    def mask(self) -> Mask:
        """Hides what was heard so far."""
        return Mask(self.heard)

    def error(self, reason: str, error: BaseException, kind: str | None = None) -> ErrorInfo:
        """What is stored of an exception. `kind`: instead of its own."""
        return self._info(reason, kind or shorten(_type_name(error), 200), message_of(error), error, self._claim.run.attempt)

    def not_loaded(self, reason: str, message: str, cause: BaseException | None) -> ErrorInfo:
        """What is stored of a job that never became a call: its start does not count. `cause`: what code of the user's raised."""
        traced = cause if cause is not None and any(map(self._is_foreign, traceback.extract_tb(cause.__traceback__))) else None
        return self._info(reason, CannotLoad.__name__, message, traced, self._claim.run.attempt - 1)

    def _info(self, reason: str, kind: str, message: str, traced: BaseException | None, attempt: int) -> ErrorInfo:
        mask = self.mask
        return ErrorInfo(
            reason=reason,
            type=kind,
            message=shorten(self._safe(message, mask), MESSAGE_LIMIT),
            traceback="" if traced is None else _without_middle(self._safe(self._traceback(traced), mask), TRACEBACK_LIMIT),
            attempt=attempt,
            when=time.time_ns() // 1_000_000,
            where=where(),
        )

    def _safe(self, text: str, mask: Mask) -> str:
        """Before it is shortened: a secret that is cut in two would not be known any more."""
        return self._redact.text(mask(_without_middle(text, _LONGEST_READ)))

    def _traceback(self, error: BaseException) -> str:
        """The traceback from `perform` on, without locals."""
        try:
            shown = traceback.TracebackException(type(error), error, error.__traceback__)
            # Not the call of perform, nor the handler that raised what stopped it: a reader wants to see where it was then.
            shown.stack[:] = [*filter(self._is_foreign, shown.stack)] or shown.stack
            return "".join(shown.format())
        except BaseException:  # noqa: BLE001 (formatting calls the user's __str__, __repr__, __notes__ …)
            return "(the traceback cannot be shown)"

    def _is_foreign(self, frame: traceback.FrameSummary) -> bool:
        return frame.filename not in self._own


def where() -> str:
    """Host and pid, for a person who wants to know where it happened."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _without_middle(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}\n… {len(text) - limit} characters left out …\n{text[-limit // 2 :]}"
