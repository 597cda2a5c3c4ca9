"""`exqueue blocked`: which keys stand still, since when, why, and how they go on."""

from __future__ import annotations

import pytest

from exqueue.app import Exqueue
from tests.cli.conftest import Command
from tests.cli.kit import Hands, places

HOW = "go on with one: exqueue failed requeue HEAD (runs it again, first), blocked skip HEAD, or failed delete HEAD"


@pytest.fixture
def shop(app: Exqueue, hands: Hands) -> Hands:
    """Two keys that are blocked, by f1 with two jobs behind it and by f2 with none; and a failed job without a key."""
    hands.fail("f0")
    hands.fail("f1", key="k1")
    hands.fail("f2", key="k2")
    hands.put("w1", "w2", key="k1")
    return hands


def test_the_list_shows_key_head_how_many_wait_and_the_error(exq: Command, shop: Hands) -> None:
    assert exq("blocked", "list").lines == [
        "key queue head since waiting error",
        "k1 Add f1 T 2 ValueError: no such customer",
        "k2 Add f2 T 0 ValueError: no such customer",
        HOW,
    ]


def test_the_list_as_json(exq: Command, shop: Hands) -> None:
    first, _ = exq("blocked", "list", "--queue", "Add", "--json").json
    assert {name: first[name] for name in first if name != "error"} == {
        "queue": "Add",
        "key": "k1",
        "head": "f1",
        "since": "T",
        "waiting": 2,
    }
    assert first["error"]["type"] == "ValueError"


@pytest.mark.parametrize(
    ("words", "shown", "said"),
    [([], 100, "the first 100 blocked key(s); --all shows them all\n"), (["--all"], 250, ""), (["--limit", "120"], 120, "")], ids=str,
)  # fmt: skip
def test_the_list_shows_the_first_hundred_unless_more_are_wanted(
    exq: Command, hands: Hands, words: list[str], shown: int, said: str
) -> None:
    for number in range(250):
        hands.fail(f"f{number}", key=f"k{number:03}")
    listed = exq("blocked", "list", *words)
    assert ([line.split()[2] for line in listed.lines[1:-1]], listed.err) == ([f"f{number}" for number in range(shown)], said)


@pytest.mark.parametrize(("json", "out"), [([], "no key is blocked\n"), (["--json"], "[]\n")])
def test_an_empty_list_is_no_error(exq: Command, app: Exqueue, json: list[str], out: str) -> None:
    assert exq("blocked", "list", *json).whole == (0, out, "")


@pytest.mark.parametrize("words", [["f1"], ["--key", "k1"], ["--all", "--limit", "2"]], ids=str)
def test_a_skipped_head_stays_failed_and_its_key_goes_on(exq: Command, app: Exqueue, shop: Hands, words: list[str]) -> None:
    assert (exq("blocked", "skip", *words).whole, places(app)) == (
        (0, "skipped 1 job(s)\n", ""), {"Add failed": ["f0", "f1", "f2"], "Add pending": ["w1"], "Add waiting": ["w2"]},
    )  # fmt: skip


def test_a_job_that_blocks_nothing_cannot_be_skipped(exq: Command, shop: Hands) -> None:
    assert exq("blocked", "skip", "f0").whole == (1, "skipped 0 job(s)\n", "")


def test_a_requeued_head_is_first_again(exq: Command, app: Exqueue, shop: Hands) -> None:
    exq("failed", "requeue", "--key", "k1")
    assert places(app) == {"Add failed": ["f0", "f2"], "Add pending": ["f1"], "Add waiting": ["w1", "w2"]}


def test_skipping_all_by_oversight_is_refused(exq: Command, shop: Hands) -> None:
    assert exq("blocked", "skip").refusal == (
        2, "", "exqueue: say which jobs: ids, --worker, --queue, --key, --error, --since, or --all",
    )  # fmt: skip
