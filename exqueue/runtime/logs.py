"""Log lines of a runner and its processes: one write each, nothing in them that a job's text could forge."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

from exqueue.model.secret import NO_MASK, Mask
from exqueue.model.text import printable


class SafeFormatter(logging.Formatter):
    """Escapes control characters; lines after the first are indented, so none can pass for an entry of its own.

    `mask`: hides the secrets of the job that this process runs.
    """

    mask: Mask = NO_MASK

    def format(self, record: logging.LogRecord) -> str:
        """The entry as text."""
        text = printable(self.mask(super().format(record)), keep_newlines=True).rstrip("\n")
        return text.replace("\n", "\n    ")


def configure(verbose: bool) -> None:
    """Send the log of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)-7s [%(process)d] %(message)s", "%Y-%m-%d %H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("exqueue").setLevel(logging.DEBUG if verbose else logging.INFO)


def masked(mask: Mask) -> contextlib.AbstractContextManager[None]:
    """Let no entry that this process logs meanwhile show these secrets."""
    return _masked(mask) if mask else contextlib.nullcontext()


@contextlib.contextmanager
def _masked(mask: Mask) -> Iterator[None]:
    formatters = [handler.formatter for handler in logging.getLogger().handlers if isinstance(handler.formatter, SafeFormatter)]
    for formatter in formatters:
        formatter.mask = mask
    try:
        yield
    finally:
        for formatter in formatters:
            formatter.mask = NO_MASK


def flush() -> None:
    """Write out what is buffered, before an `os._exit` that would drop it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
