"""The commands, and what becomes of errors: one line on standard error, and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Annotated, Final

import typer

from exqueue import __version__
from exqueue.cli import lazy
from exqueue.model.errors import ConfigError, EnqueueError, ExqueueError, StoreError
from exqueue.model.schema import SCHEMA

cli: Final = typer.Typer(
    cls=lazy.Lazy, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Background jobs that hold their order and are never forgotten.",
)  # fmt: skip
lazy.stand_in(cli)


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"exqueue {__version__}, schema {SCHEMA}")
        raise typer.Exit


@cli.callback()
def options(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="Redis; overrides EXQUEUE_URL.", show_default=False)] = None,
    namespace: Annotated[str | None, typer.Option(help="Overrides EXQUEUE_NAMESPACE.", show_default=False)] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks and more of the log.")] = False,
    _: Annotated[bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show version and schema.")] = False,
) -> None:
    """Options of every command; they stand before its name."""
    from exqueue.cli.context import Context  # here: help needs no app, and so no Redis

    context.obj = Context(url, namespace, verbose)


def main() -> None:
    """The `exqueue` script. Exit codes: 0 done, 1 nothing matched, 2 wrong usage, 3 Redis cannot be used."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character is no reason to stop
    try:
        cli(prog_name="exqueue")
    except ExqueueError as error:
        from exqueue.model.text import printable

        if "--verbose" in sys.argv:
            print(printable("".join(traceback.format_exception(error)), keep_newlines=True), file=sys.stderr, end="")
        else:
            print(f"exqueue: {printable(str(error))}", file=sys.stderr)
        sys.exit(_exit_code(error))
    except BrokenPipeError:  # `exqueue jobs list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:  # a full disk behind standard output
        print(f"exqueue: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _exit_code(error: ExqueueError) -> int:
    if isinstance(error, ConfigError | EnqueueError):
        return 2
    return 3 if isinstance(error, StoreError) else 1
