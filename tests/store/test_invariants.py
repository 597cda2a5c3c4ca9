"""The check that ends every test here finds what it is there to find."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from exqueue.app import Exqueue
from exqueue.model.settings import Settings
from exqueue.store.invariants import broken
from tests.conftest import fake_channel
from tests.store.kit import Bench


@pytest.fixture
def app() -> Iterator[Exqueue]:
    app = Exqueue(settings=Settings(namespace="ns"), channel=fake_channel())
    yield app
    app.close()


def forget_place(bench: Bench) -> None:
    bench.ask("LREM", bench.keys["pending"], 0, "b")


DAMAGE: dict[str, tuple[Callable[[Bench], object], set[str]]] = {
    "nothing": (lambda bench: None, set()),
    "lost": (forget_place, {"b'b' is in no place", "the counters do not add up: "}),
    "doubled": (lambda bench: bench.ask("RPUSH", bench.keys["pending"], "d"), {"b'd' is in 2 places", "the counters do not add up: "}),
    "two places": (
        lambda bench: bench.ask("ZADD", bench.keys["failed"], 1, "b"),
        {"b'b' is in 2 places", "the counters do not add up: "},
    ),
    "foreign": (
        lambda bench: bench.ask("LPUSH", bench.keys["pending"], "x"),
        {"b'x' is in a place, but not a job", "the counters do not add up: "},
    ),
    "no body": (lambda bench: bench.ask("HDEL", bench.keys["bodies"], "b"), {"b'b' has no body"}),
    "body left": (
        lambda bench: bench.ask("HSET", bench.keys["bodies"], "x", "y"),
        {"bodies has b'x', which is no job"},
    ),
    "error left": (
        lambda bench: bench.ask("HSET", bench.keys["errors"], "x", "{}"),
        {"errors has b'x', which is no job"},
    ),
    "token of nobody": (
        lambda bench: bench.ask("HSET", bench.keys["runs"], "b", "1 0 0 1 t/1"),
        {"b'b' carries a token of 't', but is held by None", "2 jobs run, but 1 are counted"},
    ),
    "token of another": (
        lambda bench: bench.ask("HSET", bench.keys["runs"], "a", "1 0 0 1 t/1"),
        {"b'a' carries a token of 't', but is held by 's'"},
    ),
    "order": (
        lambda bench: bench.ask("LMOVE", *[bench.keys["pending"]] * 2, "LEFT", "RIGHT"),
        {"pending is not in the order of seq: [3, 4, 2]"},
    ),
    "miscounted": (lambda bench: bench.ask("HINCRBY", bench.keys["counters"], "completed", 1), {"the counters do not add up: "}),
    "held by nobody": (
        lambda bench: bench.ask("HDEL", bench.keys["slots"], "s"),
        {"b'a' is in no place", "b'a' carries a token of 's', but is held by None", "the counters do not add up: "},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "said"), DAMAGE.values(), ids=DAMAGE)
def test_what_is_wrong_is_said(bench: Bench, damage: Callable[[Bench], object], said: set[str]) -> None:
    bench.start("a", "b", "c", "d")
    damage(bench)
    assert {line.removeprefix("q: ").partition("Counts(")[0] for line in broken(bench.channel, "ns")} == said
