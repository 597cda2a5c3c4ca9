"""How a runner begins when Redis is away just then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from exqueue.model.errors import StoreUnavailable
from exqueue.model.settings import Settings
from exqueue.runtime.runner import Runner, RunOptions


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was tried; the first two times Redis is away."""
    tried: list[str] = []

    def begin(_: Runner) -> None:
        tried.append("begin")
        if len(tried) < 3:
            raise StoreUnavailable("away")

    monkeypatch.setattr(Runner, "_begin", begin)
    monkeypatch.setattr(Runner, "_listen", lambda *_: None)
    return tried


def runner(patience: float) -> Any:
    return Runner(Settings("redis://localhost:1/0", patience=patience), RunOptions(("jobs",)))


def test_an_outage_at_the_start_is_waited_out(begun: list[str]) -> None:
    runner(60)._begin_when_it_can(SimpleNamespace(count=0))
    assert len(begun) == 3


@pytest.mark.parametrize(("patience", "signals"), [(0, 0), (60, 1)])
def test_but_not_for_longer_than_patience_nor_against_a_signal(begun: list[str], patience: float, signals: int) -> None:
    with pytest.raises(StoreUnavailable):
        runner(patience)._begin_when_it_can(SimpleNamespace(count=signals))
    assert len(begun) == 1
