"""Lists on a terminal that has not room for all that is told of a job: ids stay whole, and nothing is cut to fragments."""

from __future__ import annotations

from rich.console import Console

from exqueue.app import Exqueue
from exqueue.cli.render import job_table
from exqueue.model.lifecycle import Place
from tests.model.workers import Add
from tests.store.kit import FAIL, Bench


def shown(app: Exqueue, width: int, *, errors: bool) -> list[str]:
    console = Console(width=width, record=True, file=None, quiet=True)
    with console.capture() as lines:
        console.quiet = False
        console.print(job_table(app.jobs(Place.FAILED if errors else Place.PENDING), errors=errors, width=width))
    return lines.get().splitlines()


def test_on_a_narrow_terminal_ids_are_whole_and_each_job_is_one_line(app: Exqueue) -> None:
    job_id = app.enqueue(Add, "a rather long text as an argument", "another").id
    lines = shown(app, 80, errors=False)
    assert (len(lines), lines[1].split()[0], max(map(len, lines)) <= 80) == (2, job_id, True)


def test_on_a_narrow_terminal_an_error_is_told_in_what_room_there_is(app: Exqueue) -> None:
    bench = Bench(app)
    bench.apply(bench.start("a-job-with-an-id-of-its-own"), FAIL)
    head, line = shown(app, 80, errors=True)
    assert (head.split(), line.split()[0], line.split()[5:]) == (
        ["id", "queue", "tries", "since", "error"], "a-job-with-an-id-of-its-own", ["ValueError:", "no"],
    )  # fmt: skip
