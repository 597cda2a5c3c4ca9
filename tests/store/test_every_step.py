"""What is true of each step: it is safe to repeat, and it stops before it writes where something foreign is."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest

from exqueue.model.errors import StoreCorrupt
from exqueue.store.scripts import script, script_names
from tests.conftest import on_servers
from tests.store.kit import Bench
from tests.store.steps import REPEATABLE, SAFE, STEPS

# `processing` is the list of the slot `s` in all steps here.
PAIRS = [(step, key) for step in STEPS if step != "claim foreign" for key in script(step.split()[0]).keys]
TYPES_ONLY = {"tally", "recount", "persist"}  # these look at counters that are wrong, too
COUNTING = [step for step in STEPS if (step, "counters") in PAIRS and step not in TYPES_ONLY]


def test_every_step_is_among_them() -> None:
    assert sorted({step.split()[0] for step in STEPS}) == script_names()


@on_servers
@pytest.mark.parametrize("step", REPEATABLE)
def test_asked_again_it_answers_the_same_and_changes_nothing(bench: Bench, step: str) -> None:
    act = REPEATABLE[step](bench)
    answer, after = act(), bench.snapshot()
    assert (act(), bench.snapshot()) == (answer, after)


@on_servers
@pytest.mark.parametrize("step", SAFE)
def test_asked_again_it_changes_nothing(bench: Bench, step: str) -> None:
    act = SAFE[step](bench)
    act()
    after = bench.snapshot()
    act()
    assert bench.snapshot() == after


@on_servers
@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize(("step", "key"), PAIRS, ids=[f"{step}-{key}" for step, key in PAIRS])
def test_a_key_of_the_wrong_type_is_named_and_nothing_is_written(bench: Bench, step: str, key: str) -> None:
    act = STEPS[step](bench)
    name = bench.keys.processing("s") if key == "processing" else bench.keys[key]
    with _something_foreign(bench, name):
        before = bench.snapshot()
        with pytest.raises(StoreCorrupt, match=re.escape(f"{name} is a string")):
            act()
        assert bench.snapshot() == before


@on_servers
@pytest.mark.parametrize("step", COUNTING)
@pytest.mark.parametrize("value", ["x", "", "1.5", "-1", "9" * 17])
def test_a_counter_that_is_no_number_is_named_and_nothing_is_written(bench: Bench, step: str, value: str) -> None:
    act = STEPS[step](bench)
    counter = "seq" if step == "promote" else "completed"
    saved = bench.ask("HGET", bench.keys["counters"], counter)
    bench.ask("HSET", bench.keys["counters"], counter, value)
    before = bench.snapshot()
    with pytest.raises(StoreCorrupt, match=rf"the counter {counter} in {re.escape(bench.keys['counters'])} is not a number"):
        act()
    assert (bench.snapshot(), bench.reader.counts("q").completed) == (before, 0)
    bench.ask("HSET", bench.keys["counters"], counter, saved or 0)
    act()


@on_servers
def test_no_other_key_is_named_as_one_to_delete(bench: Bench) -> None:
    claim = bench.start("a", "b")
    with _something_foreign(bench, bench.keys["recent"]), pytest.raises(StoreCorrupt) as caught:
        bench.complete(claim)
    assert re.findall(r"(\S+) is a", str(caught.value).replace("(", "")) == [bench.keys["recent"]]


@contextlib.contextmanager
def _something_foreign(bench: Bench, name: str) -> Iterator[None]:
    """A string in the place of a key; what was there comes back."""
    existed = bench.ask("EXISTS", name)
    if existed:
        bench.ask("RENAME", name, f"saved:{name}")
    bench.ask("SET", name, "foreign")
    yield
    bench.ask("DEL", name)
    if existed:
        bench.ask("RENAME", f"saved:{name}", name)
