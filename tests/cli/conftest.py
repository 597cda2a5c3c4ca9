"""The command line inside this process, on the server of the session, in a namespace of its own."""

from __future__ import annotations

import functools
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest
import typer

from exqueue.app import Exqueue
from exqueue.cli import context, main
from exqueue.store.invariants import broken
from tests.cli.kit import Hands, Result

Command = Callable[..., Result]


@pytest.fixture
def app(embedded_url: str) -> Iterator[Exqueue]:
    """An app whose jobs must all be accounted for when the test is over."""
    app = Exqueue(embedded_url, namespace=f"t{uuid.uuid4().hex[:12]}")
    yield app
    problems = broken(app.channel, app.settings.namespace)
    app.close()
    assert problems == []


@pytest.fixture
def hands(app: Exqueue) -> Hands:
    return Hands(app)


@pytest.fixture
def exq(app: Exqueue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`exq("failed", "list")`: runs the command on the test's app."""

    def command(*words: str) -> Result:
        return _run(["--url", app.settings.url, "--namespace", app.settings.namespace, *words], monkeypatch, capsys)

    return command


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`bare("--help")`: runs the command with just these words."""
    return lambda *words: _run(list(words), monkeypatch, capsys)


def _run(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Result:
    made: list[Exqueue] = []

    class Recorded(Exqueue):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(context, "Exqueue", Recorded)
    monkeypatch.setattr(main, "cli", _built())
    monkeypatch.setattr(sys, "argv", ["exqueue", *words])
    try:
        with pytest.raises(SystemExit) as ended:
            main.main()
    finally:
        for app in made:
            app.close()  # what the end of the process would do
    code = ended.value.code
    return Result(int(code or 0), *capsys.readouterr())


@functools.cache
def _built() -> Callable[..., object]:
    """The commands as click knows them; typer would make them anew for each call."""
    return typer.main.get_command(main.cli)
