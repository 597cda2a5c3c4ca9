"""Where each command is, and what it says of itself: `exqueue --help` imports none of them, a command only its own module."""

from __future__ import annotations

import importlib
import re
from typing import Any, Final

import typer
from typer.core import TyperGroup

# name -> where it is, and its help: that of its docstring, or all there is of a group
COMMANDS: Final = {
    "run": ("run:run", "Run the jobs of these workers until SIGTERM or Ctrl-C; a second one does not wait for running jobs."),
    "enqueue": ("enqueue:enqueue", "Enqueue one job: exqueue enqueue app.workers:SyncInvoices 42 full=True."),
    "status": ("status:status", "Show all queues: how many jobs are where, and how many worker processes serve them."),
    "top": ("top:top", "Watch all queues, and the jobs that run with their progress; Ctrl-C ends it."),
    "events": (
        "events:events",
        "Show the last events: enqueued, claimed, completed, retried, failed, blocked … of each queue some 10,000 are kept.",
    ),
    "fsck": (
        "fsck:fsck",
        "Check that every job is in its place and everything adds up, while runners work; exit code 1 if something is found.",
    ),
    "config": ("status:config", "Show every setting and where it comes from."),
    "doctor": ("doctor:doctor", "Check server, queues and host. Writes nothing. Exit code 1 if anything is an error."),
    "health": (
        "health:health",
        "Tell whether Redis takes writes and a runner beats for each queue with jobs. Exit codes: 0 yes, 1 no, 2 wrong usage, 3 unknown.",
    ),
    "acl": ("acl:acl", "Print an ACL SETUSER line for each role in this namespace, for servers like that of the URL. Asks no server."),
    "shell": ("shell:shell", "Open IPython with `app`, `failed`, `queues` and the workers of the given modules."),
    "demo": (
        "demo:demo",
        "Run jobs of three workers; some fail, one is killed; watch what becomes of them. Needs no set-up, leaves nothing.",
    ),
    "failed": ("failed:cli", "Look after jobs that failed for good."),
    "blocked": ("blocked:cli", "Look after keys that a failed job blocks."),
    "queues": ("queues:cli", "Pause and resume queues."),
    "jobs": ("jobs:cli", "Look at jobs, cancel those that have not begun."),
    "keys": ("keys:cli", "See which keys jobs are signed with, and replace them."),
    "schedule": ("schedule:cli", "See when workers with a schedule run next."),
}


def plain() -> typer.Typer:
    """An empty application, with no more than we use of typer."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def command(name: str) -> Any:
    """A command or a group of them, as click knows it."""
    (module, _, attribute), text = COMMANDS[name][0].partition(":"), COMMANDS[name][1]
    found = getattr(importlib.import_module(f"exqueue.cli.{module}"), attribute)
    around = plain()
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name, help=text)
        return typer.main.get_group(around).commands[name]
    around.command(name)(found)
    return typer.main.get_command(around)


class Lazy(TyperGroup):
    """A group whose commands only stand for others until one is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, loaded."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, stand_in and command(str(name)), rest

    def invoke(self, ctx: Any) -> Any:
        """The command that is called, carried out; of a negative number that was taken for an option it is said how to write it."""
        try:
            return super().invoke(ctx)
        except Exception as error:  # of typer or of click, whichever of them this version of typer goes by
            if re.fullmatch(r"-[\d.]", getattr(error, "option_name", "")):
                error.message += "; a negative number stands behind --, and options before it: -- -3"  # type: ignore[attr-defined]
            raise


def stand_in(application: typer.Typer) -> None:
    """Let something stand for each of the commands, so that they are listed."""
    for name, (_, text) in COMMANDS.items():
        application.command(name, help=text)(_nothing)


def _nothing() -> None: ...
