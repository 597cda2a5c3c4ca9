"""A key that holds something else altogether: no step writes to the queue until it is mended, and then nothing is missing."""

from __future__ import annotations

from typing import Any, Final

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import StoreCorrupt, StoreError
from exqueue.model.job import Claim
from exqueue.model.policy import Release
from exqueue.store.keys import KINDS
from tests.cli.conftest import Command
from tests.hostile.drain import drained
from tests.hostile.test_entries import LOOKS, lost, shown
from tests.hostile.workers import Note
from tests.hostile.yard import QUEUE, Healthy, Yard

FOREIGN: Final[dict[str, tuple[Any, ...]]] = {
    "string": ("SET", "\x1b[2J"), "list": ("RPUSH", *["x"] * 10_000), "hash": ("HSET", "\x1b[2J", "x"),
}  # fmt: skip
CASES: Final = [
    (key, foreign) for key in KINDS if key != "processing" for foreign in ("string", "hash" if KINDS[key] == "list" else "list")
]


@pytest.mark.parametrize(("key", "foreign"), CASES)
def test_a_key_of_another_type_is_reported_and_harms_no_job(
    app: Exqueue, yard: Yard, healthy: Healthy, exq: Command, caplog: pytest.LogCaptureFixture, key: str, foreign: str
) -> None:
    command, *words = FOREIGN[foreign]
    yard.ask("DEL", yard.name(key))
    yard.ask(command, yard.name(key), *words)
    wrong = shown(exq, LOOKS) + refusals(app, key)
    yard.restore(healthy, key)
    _start_and_put_back(app)
    assert wrong + drained(app, caplog) + lost(app, healthy, []) == []


@pytest.mark.parametrize("counter", ["enqueued", "completed", "deleted", "seq", "crashed", "running"])
@pytest.mark.parametrize("value", ["\x1b[2J", "-1", "1e999", "9" * 17])
def test_a_counter_that_is_no_number_is_reported_and_harms_no_job(
    app: Exqueue, yard: Yard, healthy: Healthy, exq: Command, caplog: pytest.LogCaptureFixture, counter: str, value: str
) -> None:
    yard.ask("HSET", yard.name("counters"), counter, value)
    wrong = shown(exq, LOOKS[:4]) + refusals(app, "counters")
    yard.restore(healthy, "counters")
    assert wrong + drained(app, caplog) + lost(app, healthy, []) == []


def refusals(app: Exqueue, key: str) -> list[str]:
    """What is wrong with how a claim and an enqueue go: they do their work, or say in one line which key is wrong."""
    found = []
    for act in (lambda: app.enqueue(Note, "new"), lambda: _start_and_put_back(app)):
        try:
            act()
        except StoreCorrupt as error:
            if f":{key}" not in str(error) or "\n" in str(error):
                found.append(str(error))
        except StoreError as error:
            found.append(repr(error))
    return found


def _start_and_put_back(app: Exqueue) -> None:
    found = app.store.claim(QUEUE, "s", "s/never")
    if isinstance(found, Claim):
        app.store.apply(found, "s", Release())
