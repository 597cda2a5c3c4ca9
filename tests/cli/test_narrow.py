"""Lists on a terminal that has not room for all that is told of a job: ids stay whole, and nothing is cut to fragments."""

from __future__ import annotations

import pytest
from rich.console import Console

from exqueue.app import Exqueue
from exqueue.cli.render import job_table, shortened
from exqueue.cli.status import queue_table
from exqueue.model.job import Counts
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


@pytest.mark.parametrize(
    ("width", "columns"),
    [(60, "id queue place"), (80, "id queue place since arguments"), (100, "id queue place tries since arguments"),
     (120, "id queue place tries since arguments")],
)  # fmt: skip
@pytest.mark.parametrize("queue", ["SyncInvoices", "q" * 200])
def test_where_a_job_is_and_its_whole_id_are_told_on_any_terminal(app: Exqueue, width: int, columns: str, queue: str) -> None:
    job_id = app.enqueue(Add.options(queue=queue), "a rather long text as an argument", "another").id
    head, line, *_ = shown(app, width, errors=False)
    told = dict(zip(head.split(), line.split(), strict=False))
    assert (told["id"], told["place"], max(len(head), len(line)) <= width) == (job_id, "pending", True)
    assert head.split() == columns.split() or queue != "SyncInvoices"


@pytest.mark.parametrize(
    ("width", "left_out"), [(60, {"deleted", "completed", "waiting", "delayed"}), (80, {"deleted", "completed"}), (120, set())]
)
@pytest.mark.parametrize("name", ["SyncInvoices", "q" * 200])
def test_no_number_of_a_queue_and_no_heading_is_cut(width: int, left_out: set[str], name: str) -> None:
    numbers = {"pending": 12345, "processing": 4, "failed": 3, "completed": 1234567, "deleted": 2}
    console = Console(width=width)
    with console.capture() as lines:
        console.print(queue_table([(name, Counts(**numbers, paused=True, blocked=12), 8)], width))
    head, line, *_ = lines.get().splitlines()
    counts = {
        "pending": 12345,
        "waiting": 0,
        "delayed": 0,
        "processing": 4,
        "failed": 3,
        "completed": 1234567,
        "deleted": 2,
        "processes": 8,
    }
    kept = {column: str(count) for column, count in counts.items() if column not in left_out}
    assert (head.split(), line.split()[1 : len(kept) + 1]) == (["queue", *kept], list(kept.values()))
    assert (line.split()[0] == name, max(map(len, lines.get().splitlines())) <= width) == (len(name) < 20, True)


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert [shortened("orders-of-the-north", most) for most in (19, 12, 11)] == ["orders-of-the-north", "orders…north", "order…north"]


def test_on_a_narrow_terminal_an_error_is_told_in_what_room_there_is(app: Exqueue) -> None:
    bench = Bench(app)
    bench.apply(bench.start("a-job-with-an-id-of-its-own"), FAIL)
    head, line = shown(app, 80, errors=True)
    assert (head.split(), line.split()[0], line.split()[5:]) == (
        ["id", "queue", "tries", "since", "error"], "a-job-with-an-id-of-its-own", ["ValueError:", "no"],
    )  # fmt: skip
