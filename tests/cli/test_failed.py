"""`exqueue failed`: list, show, requeue, delete; every selector, every refusal."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.cli.select import parse_since
from tests.cli.conftest import Command
from tests.cli.kit import Hands, oops, places

ALL = ["a1", "a2", "b1"]
SELECTORS = [
    (["a1"], ["a1"]),
    (["b"], ["b1"]),
    (["a2", "b1"], ["a2", "b1"]),
    (["--worker", "Pay"], ["a2"]),
    (["--queue", "Mail"], ["b1"]),
    (["--error", "Timeout"], ["a2"]),
    (["--error", "no such"], ["a1", "b1"]),
    (["--since", "2h"], ["a2", "b1"]),
    (["--since", "2h", "--queue", "Add"], ["a2"]),
    (["--since", "2000-01-01", "--limit", "2"], ["a1", "a2"]),
    (["b1", "a2", "a1", "--limit", "2"], ["a1", "a2"]),
    (["--all"], ALL),
]
JSON = {
    "id": "a2", "queue": "Add", "place": "failed", "worker": "shop:Pay", "arguments": "1, b=2", "enqueued_at": "T", "failed_at": "T",
    "attempt": 1, "failures": 1, "crashes": 0, "started_at": "T", "slot": "", "size": 1, "pickled_by": "reference", "python": "3.11",
    "cloudpickle": "3", "problem": "", "key": None, "priority": 0, "unique": None, "expires_at": None, "progress": None,
    "errors": [{"reason": "error", "type": "TimeoutError", "message": "too slow", "attempt": 1, "when": "T", "where": "host:1",
                "traceback": "Traceback:\nTimeoutError: too slow\n"}],
}  # fmt: skip


@pytest.fixture
def shop(app: Exqueue, hands: Hands) -> Hands:
    """Three failed jobs in two queues; `a1` failed three hours ago. One more is pending."""
    hands.fail("a1")
    hands.age("a1", "failed", 3)
    hands.fail("a2", worker="shop:Pay", error=oops("too slow", "TimeoutError"))
    mail = Hands(app, "Mail")
    mail.fail("b1")
    mail.put("c1")
    return hands


class Typed(io.StringIO):
    """What a person types at a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_list_shows_each_job_with_its_last_error(exq: Command, shop: Hands) -> None:
    listed = exq("failed", "list")
    assert (listed.lines, listed.err) == (
        ["id queue place tries since arguments error",
         "a1 Add failed 1 T 1, b=2 ValueError: no such customer",
         "a2 Add failed 1 T 1, b=2 TimeoutError: too slow",
         "b1 Mail failed 1 T 1, b=2 ValueError: no such customer"],
        "3 failed job(s)\n",
    )  # fmt: skip


def test_the_list_as_json_is_all_that_is_known(exq: Command, shop: Hands) -> None:
    assert exq("failed", "list", "a2", "--json").json == [JSON]


@pytest.mark.parametrize(("json", "out"), [([], "no failed jobs\n"), (["--json"], "[]\n")])
def test_an_empty_list_is_no_error(exq: Command, hands: Hands, json: list[str], out: str) -> None:
    hands.put("p1")
    assert exq("failed", "list", *json).whole == (0, out, "")


def test_a_long_list_stops_at_a_hundred_and_says_so(exq: Command, hands: Hands) -> None:
    hands.fail(*(f"j{number:03}" for number in range(101)))
    listed = exq("failed", "list")
    assert ([line[:4] for line in listed.lines[1:]], listed.err) == (
        [f"j{number:03}" for number in range(100)],
        "the first 100 failed job(s); --all shows them all\n",
    )


def test_all_of_a_long_list_are_shown_when_asked_for(exq: Command, hands: Hands) -> None:
    hands.fail(*(f"j{number:03}" for number in range(101)))
    assert len(exq("failed", "list", "--all", "--json").json) == 101


@pytest.mark.parametrize(("words", "meant"), [*SELECTORS, (["a"], ["a1", "a2"]), (["--limit", "1"], ["a1"])])
def test_a_selector_says_what_is_listed(exq: Command, shop: Hands, words: list[str], meant: list[str]) -> None:
    assert [job["id"] for job in exq("failed", "list", *words, "--json").json] == meant


@pytest.mark.parametrize(("words", "meant"), SELECTORS)
def test_a_selector_says_what_is_requeued(exq: Command, app: Exqueue, shop: Hands, words: list[str], meant: list[str]) -> None:
    assert exq("failed", "requeue", *words).whole == (0, f"requeued {len(meant)} job(s)\n", "")
    assert places(app) == _with("pending", meant, {"Mail pending": ["c1"]})


@pytest.mark.parametrize(("words", "meant"), SELECTORS)
def test_a_selector_says_what_is_deleted(exq: Command, app: Exqueue, shop: Hands, words: list[str], meant: list[str]) -> None:
    assert exq("failed", "delete", *words, "--yes").whole == (0, f"deleted {len(meant)} job(s)\n", "")
    assert places(app) == _with("", meant, {"Mail pending": ["c1"]})


@pytest.mark.parametrize(("command", "word"), [("requeue", "requeued"), ("delete", "deleted")])
def test_what_was_done_as_json(exq: Command, shop: Hands, command: str, word: str) -> None:
    yes = ["--yes"] if command == "delete" else []
    assert exq("failed", command, "--all", *yes, "--json").json == {word: 3}


@pytest.mark.parametrize("command", ["requeue", "delete"])
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [([], 2, "say which jobs: ids, --worker, --queue, --key, --error, --since, or --all"),
     (["--limit", "2"], 2, "say which jobs: ids, --worker, --queue, --key, --error, --since, or --all"),
     (["a1", "--all"], 2, "give ids or --all, not both"),
     (["--since", "soon"], 2, "--since 'soon' is no time: use 90s, 15m, 2h, 3d, 1w, or a date like 2026-11-23T08:00"),
     (["--queue", "a b"], 2, "queue 'a b' is not a name: use 1 to 200 letters, digits and any of . _ : @ / -"),
     (["a"], 2, "2 jobs begin with 'a'; give more of the id"),
     (["a1", "zz"], 1, "no job in failed begins with 'zz'; `exqueue jobs show zz` looks everywhere"),
     (["c1"], 1, "no job in failed begins with 'c1'; `exqueue jobs show c1` looks everywhere")],
)  # fmt: skip
def test_a_wrong_selection_changes_nothing(
    exq: Command, app: Exqueue, shop: Hands, command: str, words: list[str], code: int, said: str
) -> None:
    assert exq("failed", command, *words).refusal == (code, "", f"exqueue: {said}")
    assert places(app) == _with("failed", ALL, {"Mail pending": ["c1"]})


@pytest.mark.parametrize(("command", "left"), [(["requeue"], {"Add failed": ["inv-42"], "Add pending": ["inv-4"]}),
                                                (["delete", "--yes"], {"Add failed": ["inv-42"]})])  # fmt: skip
def test_a_whole_id_means_no_longer_one(exq: Command, app: Exqueue, hands: Hands, command: list[str], left: dict[str, list[str]]) -> None:
    hands.fail("inv-4", "inv-42")
    exq("failed", *command, "inv-4")
    assert places(app) == left


@pytest.mark.parametrize(("command", "word"), [("requeue", "requeued"), ("delete", "deleted")])
def test_a_selection_that_nothing_matches_ends_with_1(exq: Command, shop: Hands, command: str, word: str) -> None:
    assert exq("failed", command, "--error", "no such error").whole == (1, f"{word} 0 job(s)\n", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 999_910), ("15m", 999_100), ("2h", 992_800), ("3d", 740_800), ("1w", 395_200), ("1970-01-02T00:00:00+00:00", 86_400)],
)
def test_since_is_a_time_ago_or_a_date(text: str, seconds: float) -> None:
    assert parse_since(text, 1_000_000.0) == seconds


def test_without_a_terminal_nothing_is_deleted_unless_yes_is_said(exq: Command, app: Exqueue, shop: Hands) -> None:
    refused = (2, "", "exqueue: this would delete 3 failed job(s) for good; add --yes")
    assert exq("failed", "delete", "--all").refusal == refused
    assert places(app) == _with("failed", ALL, {"Mail pending": ["c1"]})


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, ["a2"]), ("n\n", 1, ["a1", "a2"]), ("", 1, ["a1", "a2"])])
def test_at_a_terminal_a_person_is_asked(
    exq: Command, app: Exqueue, shop: Hands, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(answer))
    asked = exq("failed", "delete", "a1")
    assert (asked.code, asked.out.split(": ")[0]) == (code, "delete 1 failed job(s) for good? [y/N]")
    assert places(app)["Add failed"] == left


def test_what_fails_while_a_person_is_asked_is_not_deleted(
    exq: Command, app: Exqueue, shop: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Typed())
    monkeypatch.setattr("typer.confirm", lambda *_, **__: shop.fail("late"))
    assert (exq("failed", "delete", "--queue", "Add", "--all").out, places(app)["Add failed"]) == ("deleted 2 job(s)\n", ["late"])


@pytest.mark.parametrize(("words", "bar"), [(["--all"], "requeued ━━━━ 3/3"), (["--error", "o"], "requeued ━━━━ 3/?")], ids=["all", "some"])
def test_a_terminal_shows_how_far_it_has_come(
    exq: Command, shop: Hands, monkeypatch: pytest.MonkeyPatch, words: list[str], bar: str
) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Typed())
    monkeypatch.setenv("TERM", "xterm")
    assert exq("failed", "requeue", *words).out == "requeued 3 job(s)\n"
    assert bar in re.sub("━+", "━━━━", re.sub(r"\x1b\[[0-9;?]*\w", "", screen.getvalue()))


def test_show_prints_all_of_a_job_and_its_tracebacks(exq: Command, shop: Hands) -> None:
    assert exq("failed", "show", "a2").lines == [
        "id a2", "queue Add", "place failed", "worker shop:Pay", "arguments 1, b=2", "enqueued_at T", "failed_at T", "attempt 1",
        "failures 1", "crashes 0", "started_at T", "size 1", "pickled_by reference", "python 3.11", "cloudpickle 3", "",
        "attempt 1, error, T, host:1", "Traceback:", "TimeoutError: too slow",
    ]  # fmt: skip


def test_show_as_json_is_the_same_as_in_the_list(exq: Command, shop: Hands) -> None:
    assert exq("failed", "show", "a2", "--json").json == JSON


def test_show_tells_of_every_attempt(exq: Command, app: Exqueue, hands: Hands) -> None:
    hands.fail("a1")
    app.failed().requeue()
    hands.fail_next(oops("still not there", attempt=2))
    errors = exq("failed", "show", "a1", "--json").json["errors"]
    assert [(error["attempt"], error["message"]) for error in errors] == [(1, "no such customer"), (2, "still not there")]


@pytest.mark.parametrize(
    ("job", "code", "said"),
    [("zz", 1, "no job 'zz': it has succeeded, was deleted, or never existed"),
     ("a", 2, "2 jobs begin with 'a'; give more of the id"),
     ("c1", 1, "cannot show job c1: it is pending; exqueue jobs show c1")],
)  # fmt: skip
def test_show_says_why_there_is_nothing_to_show(exq: Command, shop: Hands, job: str, code: int, said: str) -> None:
    assert exq("failed", "show", job).refusal == (code, "", f"exqueue: {said}")


def _with(place: str, moved: list[str], others: dict[str, list[str]]) -> dict[str, Any]:
    """Where the three jobs of the shop are when `moved` have gone to `place` (nowhere if empty)."""
    found: dict[str, list[str]] = {where: list(ids) for where, ids in others.items()}
    for job in ALL:
        queue = "Mail" if job == "b1" else "Add"
        where = place if job in moved else "failed"
        if where:
            found.setdefault(f"{queue} {where}", []).append(job)
    return found
