"""Who is too old for the data touches nothing: it does not start, or ends in order, with one line that says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import SchemaTooNew
from exqueue.model.schema import SCHEMA
from exqueue.store import base
from exqueue.store.keys import schema_key
from tests.runtime.rig import Rig
from tests.store.kit import BODY, Bench

SAID = rf"the data of namespace '\w+' was written by a newer exqueue \(schema {SCHEMA + 1}, this one knows {SCHEMA}\); upgrade exqueue here"
WORKERS = """
class Step(Worker):
    def perform(self, n):
        say(n)
        gate()
"""


@pytest.fixture
def app(app: Exqueue) -> Iterator[Exqueue]:
    yield app
    raise_schema(app, SCHEMA)  # so that what must hold can be looked at


def raise_schema(app: Exqueue, number: object = SCHEMA + 1) -> None:
    """What a newer exqueue does."""
    app.channel.ask([("SET", schema_key(app.settings.namespace), number)])


def refused_to_a_latecomer(app: Exqueue, action: Callable[[Exqueue], object]) -> None:
    """Who begins after the data was upgraded is told so, and nothing changes."""
    raise_schema(app)
    before, late = Bench(app).snapshot(), Exqueue(settings=app.settings, channel=app.channel)
    with pytest.raises(SchemaTooNew, match=SAID):
        action(late)
    assert Bench(app).snapshot() == before


def test_who_founds_a_namespace_writes_its_number(app: Exqueue) -> None:
    Bench(app).put("a")
    assert (app.channel.ask([("GET", schema_key(app.settings.namespace))])[0], app.reader.schema()) == (str(SCHEMA).encode(), SCHEMA)


def test_data_without_a_number_is_of_schema_1(app: Exqueue) -> None:
    Bench(app).put("a")
    app.channel.ask([("DEL", schema_key(app.settings.namespace))])
    assert (app.reader.schema(), Bench(app).put("b"), app.reader.queues()) == (
        1,
        [True],
        ["q"],
    )


def test_an_older_number_is_left_as_it_is(app: Exqueue) -> None:
    raise_schema(app, 0)
    Bench(app).put("a")
    assert app.reader.schema() == 0


@pytest.mark.parametrize("action", ["requeue", "delete", "skip", "cancel", "stop"])
def test_a_person_who_is_too_old_changes_nothing(app: Exqueue, action: str) -> None:
    Bench(app).fail("a")
    refused_to_a_latecomer(app, lambda late: getattr(late.store, action)("q", ["a"]))


def test_who_is_too_old_signs_nothing_anew(app: Exqueue) -> None:
    Bench(app).put("a")
    refused_to_a_latecomer(app, lambda late: late.store.resign("q", "bodies", [("a", BODY, b"new")]))


def test_a_producer_that_is_too_old_enqueues_nothing(app: Exqueue) -> None:
    Bench(app).put("a")
    refused_to_a_latecomer(app, lambda late: Bench(late).put("b"))


def test_a_producer_that_works_on_looks_again_after_a_while(app: Exqueue, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(app)
    bench.put("a")
    raise_schema(app)
    bench.put("b")
    monkeypatch.setattr(base, "LOOK_EVERY", 0)
    with pytest.raises(SchemaTooNew):
        bench.put("c")
    assert bench.pending == ["a", "b"]


@pytest.mark.slow
def test_a_runner_that_is_too_old_does_not_start(rig: Rig) -> None:
    rig.workers(WORKERS)
    rig.enqueue("Step", 1)
    raise_schema(rig.app)
    before = Bench(rig.app, "Step").snapshot()
    runner = rig.start()
    assert (runner.wait(30), Bench(rig.app, "Step").snapshot()) == (2, before)
    assert re.fullmatch(rf"exqueue: {SAID}\n", rig.log)
    raise_schema(rig.app, SCHEMA)


@pytest.mark.slow
def test_a_runner_that_has_become_too_old_ends_its_jobs_and_itself_in_order(rig: Rig) -> None:
    rig.workers(WORKERS)
    rig.enqueue_many("Step", 3)
    runner = rig.start()
    rig.until(lambda: rig.said == ["0"])
    raise_schema(rig.app)
    rig.until(lambda: "no job is claimed any more" in rig.log)
    rig.open_gate()
    code = runner.wait(30)
    raise_schema(rig.app, SCHEMA)
    counts = rig.app.queue("Step").counts()
    assert (code, rig.said, counts.completed, counts.pending, rig.pids("Step")) == (2, ["0"], 1, 2, [])
    assert re.search(rf"\nexqueue: {SAID}\n$", rig.log)
