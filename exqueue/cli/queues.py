"""`exqueue queues`: pause and resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import typer

from exqueue.app import Exqueue
from exqueue.cli import render, select
from exqueue.cli.act import meaning
from exqueue.cli.context import Context
from exqueue.model.errors import ConfigError
from exqueue.store.unreadable import Unreadable

cli: Final = typer.Typer(no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Queues.", show_default=False)]


@cli.command()
@meaning("pause")
def pause(context: typer.Context, names: Names = None, all_: select.All = False, json: select.Json = False) -> None:
    """Let no job of these queues begin until they are resumed; jobs that run are not touched."""
    obj: Context = context.obj
    app = obj.app()
    _carry_out("paused", app.store.pause, _chosen(app, names, all_), json=json)


@cli.command()
@meaning("resume")
def resume(context: typer.Context, names: Names = None, all_: select.All = False, json: select.Json = False) -> None:
    """Let the jobs of these queues begin again, at once."""
    obj: Context = context.obj
    app = obj.app()
    _carry_out("resumed", app.store.resume, _chosen(app, names, all_), json=json)


def _chosen(app: Exqueue, names: list[str] | None, all_: bool) -> list[str]:
    if bool(names) == all_:
        raise ConfigError("say which queues, or --all")
    known = app.reader.queues()
    for name in names or []:
        if name not in known:
            raise ConfigError(f"there is no queue {name!r}; there are {', '.join(known) or 'none yet'}")
    return names or known


def _carry_out(word: str, step: Callable[[str], bool], chosen: list[str], *, json: bool) -> None:
    unreadable, names = Unreadable(), list[str]()
    for name in chosen:
        with unreadable:
            names += [name] if step(name) else []
    if names or json or not unreadable:
        _report(word, names, json=json)
    unreadable.raise_any()
    if not names:
        raise typer.Exit(1)


def _report(word: str, names: list[str], *, json: bool) -> None:
    if json:
        render.print_json({word: names})
    else:
        render.console().print(render.cell(f"{word} {', '.join(names)}" if names else "nothing to do: they are so already", 2000))
