"""A server of the test's own, which may be ill-treated, and a bench of real processes on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_days.server import BadServer, compiled_shim
from tests.runtime.rig import Rig


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See shim.c."""
    return compiled_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BadServer]:
    """It syncs with every write, unless the test is parametrized with other options."""
    server = BadServer(tmp_path / "data", *getattr(request, "param", ["--appendfsync", "always"]))
    server.start()
    yield server
    server.close()


@pytest.fixture
def rig(tmp_path: Path, server: BadServer) -> Iterator[Rig]:
    """Real processes on it; it must be up again when the test is over."""
    rig = Rig(tmp_path, server.url)
    yield rig
    rig.close()
