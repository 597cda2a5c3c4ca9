"""The fixtures of the plugin, whether or not it is registered with this interpreter; and what workers have done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exqueue.testing.plugin import exqueue_app, exqueue_inline
from tests.testing import workers

__all__ = ["exqueue_app", "exqueue_inline"]


@pytest.fixture
def done() -> Iterator[list[object]]:
    """What the jobs of this test have done, in order."""
    workers.DONE.clear()
    yield workers.DONE
    workers.DONE.clear()
