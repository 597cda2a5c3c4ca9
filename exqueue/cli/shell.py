"""`exqueue shell`: IPython with everything a person needs who looks after jobs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from exqueue.app import Exqueue
from exqueue.cli.context import Context
from exqueue.client.queues import Queue
from exqueue.model.errors import ConfigError, StoreCorrupt
from exqueue.model.options import call
from exqueue.model.text import one_line
from exqueue.runtime.targets import load_targets


def shell(
    context: typer.Context,
    targets: Annotated[list[str] | None, typer.Argument(help="Modules whose workers to load.", show_default=False)] = None,
) -> None:
    """Open IPython with `app`, `failed`, `queues` and the workers of the given modules."""
    obj: Context = context.obj
    try:
        from IPython.terminal.embed import InteractiveShellEmbed
        from traitlets.config import Config
    except ImportError:
        raise ConfigError("the shell needs IPython: pip install 'exqueue[shell]'") from None
    app = obj.app()
    sys.path.insert(0, str(Path.cwd()))
    names = namespace(app, targets or [])
    config = Config()
    config.HistoryManager.enabled = False
    embed: Any = InteractiveShellEmbed
    embed(user_ns=names, banner1=banner(app, names), config=config)()


def namespace(app: Exqueue, targets: list[str]) -> dict[str, Any]:
    """The names of the shell. Loading modules runs their code; without modules nothing but exqueue is imported."""
    workers = {worker.__name__: worker for worker in load_targets(targets)}
    return {
        "app": app, "failed": app.failed(), "queues": {queue.name: queue for queue in app.queues()},
        "enqueue": app.enqueue, "call": call, **workers,
    }  # fmt: skip


def _counted(queue: Queue) -> str:
    places = ("pending", "waiting", "delayed", "processing", "failed")
    try:
        counts = queue.counts()
    except StoreCorrupt as error:
        return str(error)
    return ", ".join(f"{getattr(counts, place)} {place}" for place in places)


def banner(app: Exqueue, names: dict[str, Any]) -> str:
    """Counts, and what to type."""
    lines = [f"exqueue shell, {one_line(repr(app))}"]
    for name, queue in names["queues"].items():
        lines.append(f"  {one_line(name)}: {_counted(queue)}")
    lines += ["failed              the failed jobs; failed[0].requeue(), failed[0].errors, failed.filter(error='Timeout').requeue()",
              "queues['NAME']      .counts(), .failed(); app.job(ID) finds a job wherever it is"]  # fmt: skip
    workers = [name for name, value in names.items() if isinstance(value, type) and name != "call"]
    if workers:
        lines.append(f"workers: {', '.join(workers)}; enqueue({workers[0]}, ...)")
    return "\n".join([*lines, ""])
