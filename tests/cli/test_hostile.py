"""Whatever stands in Redis, put there by whomever: commands neither crash, nor steer a terminal, nor run it."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from exqueue.app import Exqueue
from exqueue.store.keys import registry_key
from tests.cli.conftest import Command
from tests.cli.kit import RAW, Hands, oops, places, run

EVIL = "[red]x[/red] [/] \x1b[2J \x1b]0;title\x07 \x9b31m \x7f \u202e \u2066 \u200f \ud800 \udcff \t \x00 \r\nforged"
TYPED = EVIL.replace("\x00", "").replace("\ud800", "")  # what can be an argument of a process
SHOWN = "[red]x[/red] [/] \\x1b[2J"
COMMANDS = [
    "failed list", "failed show ID", "failed list --error zz --json", "jobs list", "jobs list --json", "jobs show ID",
    "jobs show ID --json", "jobs cancel ID", "status", "status --json", "failed requeue ID", "jobs cancel --all --yes",
    "failed delete --all --yes", "schedule list", "schedule list --json",
]  # fmt: skip


def problems(exq: Command, job: str = "X") -> list[str]:
    """What is wrong with what the commands print; the last ones leave nothing in the queue."""
    found = []
    for command in COMMANDS:
        words = [job if word == "ID" else word for word in command.split()]
        try:
            done = exq(*words)
        except Exception as error:
            found.append(f"{command}: {error!r}")
            continue
        raw = RAW.findall(done.out + done.err)
        forged = [line for line in done.out.splitlines() if line.startswith("forged") and "show" not in words]
        found += [f"{command}: {wrong!r}" for wrong in (raw, forged, done.err if done.err.count("\n") > 1 else "") if wrong]
    return found


@pytest.mark.parametrize("field", ["reason", "type", "message", "traceback", "where"])
def test_an_error_may_say_anything(exq: Command, hands: Hands, field: str) -> None:
    hands.fail("X", error=oops(**{"message": "no", field: EVIL}))
    assert problems(exq) == []


def test_a_header_may_hold_anything(exq: Command, hands: Hands) -> None:
    hands.fail("X", worker=EVIL, args=EVIL)
    hands.put("Y", worker=EVIL, args=EVIL)
    assert problems(exq) == []


@pytest.mark.parametrize("field", ["by", "py", "cp"])
def test_the_small_fields_of_a_header_may_hold_anything(exq: Command, hands: Hands, field: str) -> None:
    hands.fail("X")
    hands.ask("HSET", hands.keys["jobs"], "X", json.dumps({field: EVIL}))
    assert problems(exq) == []


def test_an_id_may_be_anything(exq: Command, hands: Hands) -> None:
    hands.put("first")
    for job in (TYPED.encode("utf-8", "surrogateescape"), b"\xff\xfe\x00", b"\x1b[2J"):
        hands.ask("RPUSH", hands.keys["pending"], job)
    hands.ask("ZADD", hands.keys["failed"], 1, TYPED.encode("utf-8", "surrogateescape"))
    assert problems(exq, TYPED) == []


def test_a_queue_may_have_any_name(exq: Command, app: Exqueue, hands: Hands) -> None:
    hands.fail("X")
    for queue in (TYPED.encode("utf-8", "surrogateescape"), b"\xff", "\x1b[2J"):
        hands.ask("SADD", registry_key(app.settings.namespace), queue)
    evil = Hands(app, "\x1b[2J")
    evil.ask("RPUSH", evil.keys["pending"], "Y")
    assert problems(exq) == []


@pytest.mark.parametrize("info", ["junk", b"\xff", "[]", "{}", '{"pid": 1e999}'])
def test_a_slot_may_have_any_name_and_info(exq: Command, hands: Hands, info: str | bytes) -> None:
    hands.fail("X")
    whole = {"runner": "", "host": "", "pid": 0, "start": 0, "runner_pid": 0, "runner_start": 0, "worker": "", "hostname": ""}
    info = json.dumps(whole).replace('"pid": 0', '"pid": 1e999') if info == '{"pid": 1e999}' else info
    hands.ask("HSET", hands.keys["slots"], EVIL.encode("utf-8", "surrogatepass"), info)
    hands.ask("HSET", hands.keys["graves"], b"\x1b[2J\xff", "junk")
    assert problems(exq) == []


@pytest.mark.parametrize("header", [b"\xff", b"", b"[]", b"{}", b'{"at":1e999,"size":"x"}', b'{"at":-99999999999999}', b"[" * 100_000,
                                    b'{"at":%d}' % 10**400, b'{"at":253402300799999}', b'{"args":"\\ud800"}'])  # fmt: skip
def test_a_header_may_be_anything(exq: Command, hands: Hands, header: bytes) -> None:
    hands.fail("X")
    hands.ask("HSET", hands.keys["jobs"], "X", header)
    assert problems(exq) == []


@pytest.mark.parametrize("line", [b"junk\n\xff", b"[]", b"{}", b"\n\n", b'{"when":%d}' % 10**300, b'{"message":"\\u001b[2J","attempt":-1}'])
def test_a_history_may_be_anything(exq: Command, hands: Hands, line: bytes) -> None:
    hands.fail("X")
    hands.ask("HSET", hands.keys["errors"], "X", line)
    assert problems(exq) == []


@pytest.mark.parametrize("run", [b"junk", b"\xff", b"%d 1 1 1 -" % 10**30, b"1 1 1 %d \x1b[2J/1" % 10**30, b"1 1 1 1 \xff/1"])
def test_the_state_of_a_run_may_be_anything(exq: Command, hands: Hands, run: bytes) -> None:
    hands.fail("X")
    hands.ask("HSET", hands.keys["runs"], "X", run)
    assert problems(exq) == []


@pytest.mark.parametrize(
    "record", [b"junk", b"\xff", b"5 \x1b[2J \x1b[2J", b"9" * 14 + b" UTC * * * * *", b"5 Europe/Stockholm \xff\n", b"5 " * 10**5]
)
def test_a_schedule_may_be_anything(exq: Command, hands: Hands, record: bytes) -> None:
    hands.fail("X")
    for worker in (TYPED.encode("utf-8", "surrogateescape"), b"\xff", b"app:Daily"):
        hands.ask("HSET", hands.keys["schedules"], worker, record)
    assert problems(exq) == []


@pytest.mark.parametrize("place", ["failed", "delayed"])
@pytest.mark.parametrize("score", ["inf", "-inf", "1e300", "-1e17", "0.5", "253402300799999"])
def test_a_time_may_be_anything(exq: Command, hands: Hands, place: str, score: str) -> None:
    hands.put("first")
    hands.ask("ZADD", hands.keys[place], score, "X")
    found = problems(exq)
    hands.ask("DEL", hands.keys[place])
    assert found == []


@pytest.mark.parametrize("score", ["inf", "-inf", "1e300"])
def test_a_key_may_be_blocked_since_any_time(exq: Command, hands: Hands, score: str) -> None:
    hands.fail("X", key="A")
    since = hands.ask("ZSCORE", hands.keys["blocked"], "A")
    hands.ask("ZADD", hands.keys["blocked"], score, "A")
    shown = exq("blocked", "list").lines
    hands.ask("ZADD", hands.keys["blocked"], since, "A")
    assert [line.split()[:3] for line in shown[:2]] == [["key", "queue", "head"], ["A", "Add", "X"]]


def test_an_event_may_be_called_anything(exq: Command, hands: Hands) -> None:
    hands.fail("X")
    evil = EVIL.encode("utf-8", "surrogatepass")
    hands.ask("XADD", hands.keys["events"], "*", "event", evil, "job", evil, "more", evil)
    assert RAW.findall(exq("events").out + exq("events", "--json").out) == []


@pytest.mark.parametrize("line", [b"{}", b'{"message":"no"}', b'{"reason":1}', b'{"reason":""}'])
def test_an_error_without_a_reason_has_one_all_the_same(exq: Command, hands: Hands, line: bytes) -> None:
    hands.fail("X")
    hands.ask("HSET", hands.keys["errors"], "X", line)
    assert exq("failed", "list", "--json").json[0]["errors"][0]["reason"] == "unreadable"


@pytest.mark.parametrize(
    "key", ["pending", "delayed", "failed", "jobs", "bodies", "runs", "errors", "counters", "slots", "graves", "schedules"]
)
def test_a_key_may_be_of_another_type(exq: Command, hands: Hands, key: str) -> None:
    hands.ask("SET", hands.keys[key], "x")
    assert problems(exq) == []


@pytest.mark.parametrize("field", ["enqueued", "completed", "deleted"])
def test_a_counter_may_be_anything(exq: Command, hands: Hands, field: str) -> None:
    hands.retry("X")
    right = hands.ask("HGET", hands.keys["counters"], field) or 0
    hands.ask("HSET", hands.keys["counters"], field, "junk")
    found = problems(exq)
    hands.ask("HSET", hands.keys["counters"], field, right)
    assert found == []


def test_a_step_that_cannot_count_moves_nothing(exq: Command, app: Exqueue, hands: Hands) -> None:
    hands.fail("X")
    hands.ask("HSET", hands.keys["counters"], "seq", "junk")
    code = exq("failed", "requeue", "X").refusal[0]
    hands.ask("HSET", hands.keys["counters"], "seq", 1)
    assert (code, places(app)) == (3, {"Add failed": ["X"]})


@pytest.mark.parametrize("command", ["failed list", "failed show X", "jobs show X"])
def test_what_looks_like_markup_is_shown_as_it_is(exq: Command, hands: Hands, command: str) -> None:
    hands.fail("X", args=EVIL, error=oops(EVIL, traceback=""))
    assert exq(*command.split()).out.count(SHOWN) == 2


def test_a_terminal_that_cannot_show_it_is_no_error(app: Exqueue, hands: Hands, tmp_path: Path) -> None:
    hands.put("X", args="'é☃'")
    words = ["--url", app.settings.url, "--namespace", app.settings.namespace, "jobs", "show", "X"]
    done = run(*words, cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert (done.code, done.err, [line for line in done.lines if "arguments" in line]) == (0, "", [r"arguments '\xe9\u2603'"])


def test_json_says_exactly_what_is_stored(exq: Command, hands: Hands) -> None:
    hands.fail("X", args=EVIL, error=oops(EVIL))
    shown = exq("failed", "show", "X", "--json").json
    assert (shown["arguments"], shown["errors"][0]["message"]) == (EVIL, EVIL)


def test_an_error_line_shows_no_raw_id(exq: Command, hands: Hands) -> None:
    assert not RAW.search(exq("jobs", "show", TYPED).refusal[2])


@pytest.mark.parametrize("body", ["reference", "value"])
def test_nothing_a_person_does_runs_what_a_job_carries(exq: Command, app: Exqueue, hands: Hands, tmp_path: Path, body: str) -> None:
    prefix = b"\x01" if body == "reference" else b"\x02"
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    hands.fail("X", "Z", body=prefix + bomb)
    hands.put("Y", body=prefix + bomb)
    assert (repr(app.failed()), len(app.failed()), app.failed()[0].errors[0].type) != ("", 0, "")
    assert problems(exq) == []
    assert list(tmp_path.iterdir()) == []
    pickle.loads(bomb).close()
    assert [path.name for path in tmp_path.iterdir()] == ["exploded"]


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return io.open, (str(self.path), "w")
