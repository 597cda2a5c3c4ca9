"""What the tests of the store share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.store.repair import Repair
from tests.store.kit import Bench


@pytest.fixture
def bench(app: Exqueue) -> Bench:
    """The queue `q`, empty."""
    return Bench(app)


@pytest.fixture
def mended(bench: Bench) -> Iterator[None]:
    """For tests that keep a repair from what it is there for: it is done after them."""
    yield
    list(Repair(bench.store).run())
