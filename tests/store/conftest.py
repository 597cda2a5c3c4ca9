"""What the tests of the store share."""

from __future__ import annotations

import pytest

from exqueue.app import Exqueue
from tests.store.kit import Bench


@pytest.fixture
def bench(app: Exqueue) -> Bench:
    """The queue `q`, empty."""
    return Bench(app)
