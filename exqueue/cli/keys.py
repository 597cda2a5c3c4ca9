"""`exqueue keys`: which keys the jobs there are were signed with, and how to sign them with a new one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

import typer

from exqueue.cli import render, select
from exqueue.cli.act import Yes, confirm, meaning
from exqueue.cli.context import Context
from exqueue.client.keys import UNSIGNED, Resigner, Signature, tally
from exqueue.model.envelope import Envelope
from exqueue.model.errors import ConfigError
from exqueue.model.settings import keys_of

cli: Final = typer.Typer(no_args_is_help=True)

Unsigned = Annotated[bool, typer.Option("--unsigned", help="Also sign what nobody has signed. It will then run: know who wrote it.")]


@cli.command()
@meaning("resign")
def check(context: typer.Context, json: select.Json = False) -> None:
    """Count the jobs signed by each key; exit code 1 if one would not run with the present keys."""
    obj: Context = context.obj
    app = obj.app()
    envelope = Envelope(app.settings.namespace, keys_of(app.settings, make=False))
    found = tally(app.reader, envelope)
    lost = found.not_run(envelope)
    numbers = [(one, found.jobs[one], found.following[one], found.results[one]) for one in found.signatures]
    if json:
        rows = [{"key": one.key or None, "state": one.state, "jobs": jobs, "following": following, "results": results}
                for one, jobs, following, results in numbers]  # fmt: skip
        render.print_json({"keys": rows, "present": list(envelope.keys.ids), "not_run": lost})
    else:
        made = render.table("key", "#jobs", "#following", "#results")
        for one, *counts in numbers:
            made.add_row(_named(one), *map(str, counts))
        render.console().print(made if numbers else "no jobs")
        if lost:
            print(f"{lost} job(s) would not run with these keys")
    if lost:
        raise typer.Exit(1)


def _named(one: Signature) -> str:
    return f"{one.key} ({one.state})" if one.key else one.state


@cli.command()
@meaning("resign")
def resign(context: typer.Context, unsigned: Unsigned = False, yes: Yes = False, json: select.Json = False) -> None:
    """Sign with the first key what any of the keys has signed; exit code 1 if something is left that it has not signed."""
    obj: Context = context.obj
    app = obj.app()
    envelope = app.envelope()
    if not envelope.keys:
        raise ConfigError("there are no signing keys; set EXQUEUE_SIGNING_KEYS")
    if unsigned and not yes:
        found = tally(app.reader, envelope)
        count = sum(part[Signature(UNSIGNED)] for part in (found.jobs, found.following, found.results))
        confirm("sign", "unsigned job(s) or result(s)", count, yes=yes)
    done = Resigner(app.store, app.reader, envelope, unsigned=unsigned).run()
    if json:
        render.print_json(asdict(done))
    else:
        print(f"resigned {done.jobs} job(s)")
        more = {
            "resigned {} job(s) that follow others": done.following,
            "resigned {} result(s)": done.results,
            "left {} of jobs that run or have just moved: resign again when they have ended": done.running,
            "left {} that nobody has signed: --unsigned signs them, if you know who wrote them": done.unsigned,
            "left {} that do not verify: see exqueue keys check": done.unverifiable,
        }
        print("\n".join(text.format(number) for text, number in more.items() if number), end="\n" if any(more.values()) else "")
    if done.left:
        raise typer.Exit(1)
