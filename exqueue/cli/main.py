"""The commands, and what becomes of errors: one line on standard error, and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Annotated, Final

import typer

from exqueue.cli import (
    acl,
    blocked,
    demo,
    doctor,
    enqueue,
    events,
    failed,
    fsck,
    health,
    jobs,
    keys,
    queues,
    run,
    schedule,
    shell,
    status,
    top,
)  # fmt: skip
from exqueue.cli.context import Context
from exqueue.model.errors import ConfigError, EnqueueError, ExqueueError, StoreError
from exqueue.model.text import printable

cli: Final = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Background jobs that hold their order and are never forgotten.",
)  # fmt: skip
cli.command("run")(run.run)
cli.command("enqueue")(enqueue.enqueue)
cli.command("status")(status.status)
cli.command("top")(top.top)
cli.command("events")(events.events)
cli.command("fsck")(fsck.fsck)
cli.command("config")(status.config)
cli.command("doctor")(doctor.doctor)
cli.command("health")(health.health)
cli.command("acl")(acl.acl)
cli.command("shell")(shell.shell)
cli.command("demo")(demo.demo)
cli.add_typer(failed.cli, name="failed", help="Look after jobs that failed for good.")
cli.add_typer(blocked.cli, name="blocked", help="Look after keys that a failed job blocks.")
cli.add_typer(queues.cli, name="queues", help="Pause and resume queues.")
cli.add_typer(jobs.cli, name="jobs", help="Look at jobs, cancel those that have not begun.")
cli.add_typer(keys.cli, name="keys", help="See which keys jobs are signed with, and replace them.")
cli.add_typer(schedule.cli, name="schedule", help="See when workers with a schedule run next.")


@cli.callback()
def options(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="Redis; overrides EXQUEUE_URL.", show_default=False)] = None,
    namespace: Annotated[str | None, typer.Option(help="Overrides EXQUEUE_NAMESPACE.", show_default=False)] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks and more of the log.")] = False,
) -> None:
    """Options of every command; they stand before its name."""
    context.obj = Context(url, namespace, verbose)


def main() -> None:
    """The `exqueue` script. Exit codes: 0 done, 1 nothing matched, 2 wrong usage, 3 Redis cannot be used."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character is no reason to stop
    try:
        cli(prog_name="exqueue")
    except ExqueueError as error:
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
