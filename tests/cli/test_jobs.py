"""`exqueue jobs`: look at jobs wherever they are, cancel those that have not begun."""

from __future__ import annotations

import pytest

from exqueue.app import Exqueue
from exqueue.model.lifecycle import Place
from tests.cli.conftest import Command
from tests.cli.kit import Hands, oops, places

EVERYWHERE = {
    "Add failed": ["f1"], "Add processing": ["r1"], "Add pending": ["p1", "p2"], "Add delayed": ["x1", "d1"], "Mail pending": ["m1"],
}  # fmt: skip


@pytest.fixture
def shop(app: Exqueue, hands: Hands) -> Hands:
    """Jobs of two queues in every place: one failed, one running, in the line, to be retried, for later."""
    hands.fail("f1")
    hands.retry("x1")
    hands.put("r1")
    hands.claim("busy")
    hands.put("p1")
    hands.put("p2", worker="shop:Pay")
    hands.put("d1", delay=10**8)
    Hands(app, "Mail").put("m1")
    assert places(app) == EVERYWHERE
    return hands


def test_the_list_begins_with_what_runs_and_ends_with_what_failed(exq: Command, shop: Hands) -> None:
    assert exq("jobs", "list").lines == [
        "id queue place tries since arguments",
        "r1 Add processing 1 T 1, b=2",
        "p1 Add pending 0 T 1, b=2",
        "p2 Add pending 0 T 1, b=2",
        "m1 Mail pending 0 T 1, b=2",
        "x1 Add delayed 1 T 1, b=2",
        "d1 Add delayed 0 T 1, b=2",
        "f1 Add failed 1 T 1, b=2",
    ]


def test_the_list_as_json_is_all_that_is_known(exq: Command, shop: Hands) -> None:
    assert exq("jobs", "list", "r1", "--json").json == [
        {"id": "r1", "queue": "Add", "place": "processing", "worker": "shop:Add", "arguments": "1, b=2", "enqueued_at": "T",
         "attempt": 1, "failures": 0, "crashes": 0, "started_at": "T", "slot": "busy", "size": 1, "pickled_by": "reference",
         "python": "3.11", "cloudpickle": "3", "problem": "",
         "key": None, "priority": 0, "unique": None, "expires_at": None, "progress": None, "errors": []},
    ]  # fmt: skip


@pytest.mark.parametrize(("json", "out"), [([], "no jobs\n"), (["--json"], "[]\n")])
def test_an_empty_list_is_no_error(exq: Command, app: Exqueue, json: list[str], out: str) -> None:
    assert exq("jobs", "list", *json).whole == (0, out, "")


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["p"], ["p1", "p2"]), (["f1", "d1"], ["d1", "f1"]), (["--place", "delayed"], ["x1", "d1"]), (["--worker", "Pay"], ["p2"]),
     (["--queue", "Mail"], ["m1"]), (["--limit", "3"], ["r1", "p1", "p2"]), (["--since", "1h", "--place", "failed"], ["f1"]),
     (["--queue", "Add", "--place", "pending", "--limit", "1"], ["p1"]), (["zz"], [])],
)  # fmt: skip
def test_a_selector_says_what_is_listed(exq: Command, shop: Hands, words: list[str], meant: list[str]) -> None:
    assert [job["id"] for job in exq("jobs", "list", *words, "--json").json] == meant


def test_a_job_that_is_asked_for_is_listed_however_many_stand_before_it(exq: Command, hands: Hands) -> None:
    hands.put(*(f"j{number:03}" for number in range(100)), "last")
    assert [job["id"] for job in exq("jobs", "list", "last", "--json").json] == ["last"]


def test_a_long_list_stops_at_a_hundred_and_says_so(exq: Command, hands: Hands) -> None:
    hands.put(*(f"j{number:03}" for number in range(101)))
    listed = exq("jobs", "list")
    assert ([line[:4] for line in listed.lines[1:]], listed.err) == (
        [f"j{number:03}" for number in range(100)],
        "the first 100 job(s); --all shows them all\n",
    )


def test_show_finds_a_job_by_the_beginning_of_its_id(exq: Command, shop: Hands) -> None:
    assert exq("jobs", "show", "x").lines == [
        "id x1", "queue Add", "place delayed", "worker shop:Add", "arguments 1, b=2", "enqueued_at T", "due_at T", "attempt 1",
        "failures 1", "crashes 0", "started_at T", "size 1", "pickled_by reference", "python 3.11", "cloudpickle 3", "",
        "attempt 1, error, T, host:1", "Traceback:", "ValueError: try later",
    ]  # fmt: skip


def test_show_prefers_the_whole_id(exq: Command, hands: Hands) -> None:
    hands.put("inv-4", "inv-42")
    assert exq("jobs", "show", "inv-4", "--json").json["id"] == "inv-4"


def test_an_error_without_a_traceback_is_shown_by_its_message(exq: Command, hands: Hands) -> None:
    hands.fail("f1", error=oops("was killed by SIGKILL", "WorkerProcessDied", traceback=""))
    assert exq("jobs", "show", "f1").lines[-1] == "WorkerProcessDied: was killed by SIGKILL"


@pytest.mark.parametrize(
    ("command", "job", "code", "said"),
    [("show", "zz", 1, "no job 'zz': it has succeeded, was deleted, or never existed"),
     ("show", "", 1, "no job '': it has succeeded, was deleted, or never existed"),
     ("show", "p", 2, "2 jobs begin with 'p'; give more of the id"),
     ("cancel", "zz", 1, "no job 'zz': it has succeeded, was deleted, or never existed"),
     ("cancel", "p", 2, "2 jobs begin with 'p'; give more of the id"),
     ("cancel", "r1", 1, "cannot cancel job r1: it is processing; --running stops it"),
     ("cancel", "f1", 1, "cannot cancel job f1: it is failed; only jobs that have not begun can be cancelled")],
)  # fmt: skip
def test_a_wrong_id_changes_nothing(exq: Command, app: Exqueue, shop: Hands, command: str, job: str, code: int, said: str) -> None:
    assert exq("jobs", command, *(["p1"] if command == "cancel" else []), job).refusal == (code, "", f"exqueue: {said}")
    assert places(app) == EVERYWHERE


@pytest.mark.parametrize(
    ("words", "gone"),
    [(["p1"], ["p1"]), (["m", "d1"], ["d1", "m1"]), (["p1", "p1"], ["p1"]), (["--worker", "Pay", "--yes"], ["p2"]),
     (["--queue", "Mail", "--yes"], ["m1"]), (["--all", "--yes"], ["d1", "m1", "p1", "p2", "x1"]),
     (["--since", "30000d", "--yes"], ["d1", "m1", "p1", "p2", "x1"])],
)  # fmt: skip
def test_a_selector_says_what_is_cancelled(exq: Command, app: Exqueue, shop: Hands, words: list[str], gone: list[str]) -> None:
    assert exq("jobs", "cancel", *words).whole == (0, f"cancelled {len(gone)} job(s)\n", "")
    left = {place: [job for job in ids if job not in gone] for place, ids in EVERYWHERE.items()}
    assert places(app) == {place: ids for place, ids in left.items() if ids}


def test_a_limit_holds_for_all_that_is_cancelled(exq: Command, shop: Hands) -> None:
    assert exq("jobs", "cancel", "--queue", "Add", "--limit", "2", "--yes", "--json").json == {"cancelled": 2}


def test_those_that_run_are_asked_to_stop_and_go_on_until_their_runner_has_seen_it(exq: Command, app: Exqueue, shop: Hands) -> None:
    assert exq("jobs", "cancel", "--running", "p1", "r1").whole == (0, "cancelled 1 job(s)\nasked to stop 1 job(s)\n", "")
    assert (list(app.reader.stops("Add")), app.job("r1").state()) == (["r1"], Place.PROCESSING)


def test_what_was_asked_to_stop_as_json(exq: Command, shop: Hands) -> None:
    assert exq("jobs", "cancel", "--running", "--all", "--yes", "--json").json == {"cancelled": 5, "asked_to_stop": 1}


def test_what_was_cancelled_as_json(exq: Command, shop: Hands) -> None:
    assert exq("jobs", "cancel", "p1", "--json").json == {"cancelled": 1}


def test_nothing_to_cancel_ends_with_1(exq: Command, shop: Hands) -> None:
    assert exq("jobs", "cancel", "--worker", "Nobody").whole == (1, "cancelled 0 job(s)\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--all"], "this would cancel 5 job(s) for good; add --yes"),
     ([], "say which jobs: ids, --worker, --queue, --key, --error, --since, or --all"),
     (["p1", "--all"], "give ids or --all, not both"),
     (["--all", "--since", "x"], "--since 'x' is no time: use 90s, 15m, 2h, 3d, 1w, or a date like 2026-11-23T08:00")],
)  # fmt: skip
def test_nothing_is_cancelled_by_an_oversight(exq: Command, app: Exqueue, shop: Hands, words: list[str], said: str) -> None:
    assert exq("jobs", "cancel", *words).refusal == (2, "", f"exqueue: {said}")
    assert places(app) == EVERYWHERE


def test_ids_and_other_selectors_of_cancel_both_hold(exq: Command, app: Exqueue, shop: Hands) -> None:
    exq("jobs", "cancel", "p1", "--queue", "Mail")
    assert places(app) == EVERYWHERE
