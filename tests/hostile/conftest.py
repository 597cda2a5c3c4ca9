"""An app on the server of the session, whose jobs nobody counts at the end, and the command line on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from exqueue.app import Exqueue
from tests.cli.conftest import exq
from tests.hostile.yard import Healthy, Yard

__all__ = ["exq"]


@pytest.fixture
def app(embedded_url: str) -> Iterator[Exqueue]:
    """An app in a namespace of its own."""
    app = Exqueue(embedded_url, namespace=f"t{uuid.uuid4().hex[:12]}")
    yield app
    app.close()


@pytest.fixture
def yard(app: Exqueue) -> Yard:
    return Yard(app)


@pytest.fixture
def healthy(yard: Yard) -> Healthy:
    return yard.build()
