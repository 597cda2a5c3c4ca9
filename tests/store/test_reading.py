"""Reading: what is shown of jobs, whatever somebody has written into their place; and nothing of it is ever run."""

from __future__ import annotations

import ast
import os
import pickle
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import exqueue
from exqueue.client.jobs import Job, Jobs
from exqueue.model.codec import REFERENCE
from exqueue.model.job import Counts, ErrorInfo, Header, JobRecord, Run
from exqueue.model.lifecycle import Place
from exqueue.store.slotinfo import SlotInfo
from tests.conftest import on_servers_and_cluster as on_servers
from tests.store.kit import CRASH, ERROR, HEADER, Bench

PACKAGE = Path(exqueue.__file__).parent
IDS = [b"\xff\xfe", b"a\x00b", b"\x1b[2J", b"\xed\xa0\x80", "é\u202e".encode(), b" ", b"x" * 300]
HEADERS = {
    "not JSON": b"{",
    "list": b"[1]",
    "number": b"1",
    "deep": b"[" * 2_000 + b"]" * 2_000,
    "deep object": b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    "wrong types": b'{"seq":"x","worker":[],"at":{},"args":1,"by":null,"py":true,"cp":1.5,"size":"1"}',
    "huge numbers": b'{"seq":1e999,"at":-1e999,"size":' + b"9" * 5_000 + b"}",
    "NUL": b'{"worker":"a\\u0000b","args":"\\u001b[2J"}',
    "surrogates": b'{"worker":"\\ud800","args":"\\udfff\\ud800"}',
    "not UTF-8": b'{"worker":"\xff\xfe"}',
    "control": b'{"worker":"\x1b[2J"}',
    "UTF-16": '{"worker":"x"}'.encode("utf-16"),
    "empty": b"",
    "duplicate": b'{"worker":"a","worker":[]}',
}
RUNS = [b"", b"1", b"a b c d e", b"1 2 3 4", b"-1 0 0 0 -", b"9" * 5_000 + b" 0 0 0 -", b"\xff 0 0 0 \xff", "² 0 0 0 -".encode()]
ERRORS = [b"\n", b"{", b"[]", b"[" * 2_000, b'{"reason":1,"when":"x","message":["\\ud800"]}', b"\xff\n\xfe", b'{"attempt":1e999}\n']
SLOTS = [b"", b"[]", b"{}", b"1", b"[" * 2_000, b"\xff", b'{"pid":"x"}', b'{"runner":"","host":"","pid":1e999,"start":0}']

each_header = pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)


@on_servers
def test_all_jobs_of_a_place_are_read_in_their_order(bench: Bench) -> None:
    ids = [f"j{n}" for n in range(450)]
    bench.put(*ids)
    assert [record.id for record in bench.reader.all_in("q", Place.PENDING)] == ids


@on_servers
@pytest.mark.parametrize("every", [1, 3, 1000], ids=["each", "a third", "none"])
@pytest.mark.parametrize("of_one_time", [1, 450], ids=["one by one", "all at once"])
def test_what_has_been_read_may_leave_its_place_while_the_rest_is_read(bench: Bench, every: int, of_one_time: int) -> None:
    ids = [f"j{n:03}" for n in range(450)]
    bench.put(*ids, delay_ms=60_000)
    bench.ask("ZADD", bench.keys["delayed"], *(part for n, one in enumerate(ids) for part in (2 * 10**12 + n // of_one_time, one)))
    read = []
    for number, record in enumerate(bench.reader.all_in("q", Place.DELAYED), 1):
        read.append(record.id)
        bench.store.cancel("q", [] if number % every else [record.id])
    assert read == ids


@on_servers
def test_what_joins_the_end_of_a_place_is_not_read(bench: Bench) -> None:
    ids = [f"j{n:03}" for n in range(250)]
    bench.put(*ids, delay_ms=60_000)
    read = []
    for record in islice(bench.reader.all_in("q", Place.DELAYED), 500):
        read.append(record.id)
        bench.put(f"new{len(read)}", delay_ms=120_000)
    assert sorted(read) == ids


@on_servers
def test_the_places_list_their_jobs(bench: Bench) -> None:
    bench.fail("f1", "f2")
    bench.keep("k")
    bench.put("p", "r")
    bench.open("s")
    bench.ask("LPUSH", bench.keys["pending"], bench.ask("RPOP", bench.keys["pending"]))
    bench.take()
    bench.put("d", delay_ms=60_000)
    bench.put("h", "w2", "w1", key="k")
    assert {place.value: bench.ids(place) for place in list(Place)[1:]} == {
        "pending": ["p", "h"], "delayed": ["d"], "waiting": ["w2", "w1"], "processing": ["r"], "failed": ["f1", "f2"], "done": ["k"],
    }  # fmt: skip


@on_servers
def test_a_job_is_found_wherever_it_is(bench: Bench) -> None:
    bench.fail("f")
    bench.keep("k")
    bench.start("r", "p")
    bench.put("d", delay_ms=60_000)
    bench.put("h", "w", key="k")
    found = {job_id: bench.reader.find("q", job_id) for job_id in ("p", "r", "d", "f", "k", "h", "w", "none")}
    assert {job_id: record and record.place for job_id, record in found.items()} == {
        "p": Place.PENDING, "r": Place.PROCESSING, "d": Place.DELAYED, "f": Place.FAILED, "k": Place.DONE,
        "h": Place.PENDING, "w": Place.WAITING, "none": None,
    }  # fmt: skip


@on_servers
def test_a_record_tells_all_that_was_written(bench: Bench) -> None:
    bench.fail("b")
    bench.recover("s", bench.start("a"))
    crashed, failed = bench.record("a"), next(bench.reader.all_in("q", Place.FAILED))
    header = Header(**{**{name: getattr(HEADER, name) for name in HEADER.__slots__}, "seq": 2})
    assert crashed == JobRecord("a", "q", Place.PENDING, header, Run(1, 0, 1, crashed.run.since), 0, (CRASH,))
    assert (failed.when > 1_000_000_000_000, failed.errors, bench.record("b").errors) == (True, (), (ERROR,))


@on_servers
def test_nothing_is_read_of_no_ids(bench: Bench) -> None:
    assert (bench.reader.records("q", [], Place.FAILED), bench.reader.last_errors("q", []), bench.reader.held("q", [])) == ([], [], {})


@on_servers
def test_a_queue_that_never_was_is_empty(bench: Bench) -> None:
    assert (bench.reader.counts("q"), bench.ids(Place.PROCESSING), [*bench.reader.ids("q")], bench.reader.queues()) == (
        Counts(),
        [],
        [],
        [],
    )


@on_servers
def test_all_ids_are_read_in_no_order(bench: Bench) -> None:
    ids = {f"j{n}" for n in range(1_200)}
    bench.put(*ids)
    assert set(bench.reader.ids("q")) == ids


@pytest.mark.parametrize("channel", ["embedded", "redis"], indirect=True)
def test_the_server_says_what_it_is(bench: Bench) -> None:
    assert "redis_version" in bench.reader.server_info()


@on_servers
@each_header
def test_a_hostile_header_is_read_and_shown_on_one_printable_line(bench: Bench, header: bytes) -> None:
    bench.fail("a")
    bench.ask("HSET", bench.keys["jobs"], "a", header)
    jobs = bench.app.failed("q")
    assert ([job.id for job in jobs], bench.record("a").place, raw_control(repr(jobs)), raw_control(repr(jobs[0]))) == (
        ["a"],
        "failed",
        [],
        [],
    )


@each_header
def test_a_hostile_header_is_decoded(header: bytes) -> None:
    decoded = Header.decode(header)
    kinds = {name: type(getattr(decoded, name)) for name in Header.__slots__}
    assert kinds == {name: type(getattr(Header(), name)) for name in Header.__slots__}


@pytest.mark.parametrize("run", RUNS)
def test_what_is_not_a_run_reads_as_one_that_never_was(run: bytes) -> None:
    assert Run.decode(run) == Run()


@pytest.mark.parametrize("error", ERRORS)
def test_a_hostile_history_is_read(bench: Bench, error: bytes) -> None:
    bench.fail("a")
    bench.ask("HSET", bench.keys["errors"], "a", error)
    found = [*bench.record("a").errors, *bench.reader.last_errors("q", ["a"])]
    assert all(isinstance(one, ErrorInfo) for one in found)


@pytest.mark.parametrize("info", SLOTS)
def test_what_is_not_a_slot_reads_as_one_of_an_unknown_runner(info: bytes) -> None:
    assert SlotInfo.decode("s", info) == SlotInfo("s")


@on_servers
@pytest.mark.parametrize("score", ["+inf", "-inf", "1e300", "-5"])
@pytest.mark.parametrize("place", ["failed", "delayed"])
def test_a_job_with_a_hostile_time_is_read(bench: Bench, place: str, score: str) -> None:
    bench.put("a")
    bench.ask("LREM", bench.keys["pending"], 1, "a")
    bench.ask("ZADD", bench.keys[place], score, "a")
    assert (bench.ids(Place(place)), bench.record("a").id) == (["a"], "a")


@on_servers
@pytest.mark.parametrize("job_id", IDS)
def test_an_id_of_any_bytes_is_listed_shown_and_cancelled(bench: Bench, job_id: bytes) -> None:
    bench.put("a")
    bench.ask("RPUSH", bench.keys["pending"], job_id)
    jobs = bench.app.jobs(Place.PENDING, "q")
    assert (len(bench.pending), raw_control(repr(jobs)), raw_control(repr(jobs[1]))) == (2, [], [])
    jobs[1].cancel()
    assert bench.pending == ["a"]


@on_servers
@pytest.mark.parametrize("name", [b"\xff\x1b[2J", b"a\nb", "é\u202e".encode()])
def test_a_queue_of_any_name_is_listed_and_shown(bench: Bench, name: bytes) -> None:
    bench.ask("SADD", f"{bench.app.settings.namespace}:queues", name)
    queues = bench.app.queues()
    assert ([raw_control(repr(queue)) for queue in queues], raw_control(repr(bench.app.failed()))) == ([[]], [])
    assert "\n" not in repr(queues[0])


@on_servers
def test_a_body_that_would_run_something_is_not_run_by_any_read(bench: Bench, tmp_path: Path) -> None:
    bench.fail("a")
    bench.ask("HSET", bench.keys["bodies"], "a", REFERENCE + pickle.dumps(Bomb(tmp_path / "bang"), protocol=5))
    everything(bench.app.failed())
    assert [*tmp_path.iterdir()] == []


def test_nothing_that_reads_jobs_imports_pickle() -> None:
    files = [*PACKAGE.glob("store/**/*.py"), *PACKAGE.glob("client/**/*.py")]
    assert {name.split(".")[0] for file in files for name in imported(file)} & {
        "pickle",
        "cloudpickle",
        "dill",
        "shelve",
        "marshal",
    } == set()


def test_only_the_codec_unpickles() -> None:
    assert [file.name for file in PACKAGE.rglob("*.py") if {"pickle", "cloudpickle"} & {*imported(file)}] == ["codec.py"]


class Bomb:
    """Unpickled, it makes a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def everything(jobs: Jobs) -> None:
    """Read, filter, requeue and delete them in every way there is."""
    job: Job = jobs[0]
    assert (repr(jobs), repr(job), job.record(), job.errors, job.state(), len(jobs.filter(error="no"))) is not None
    job.requeue()
    job.cancel()


def imported(file: Path) -> list[str]:
    """The modules that a file imports."""
    nodes = [*ast.walk(ast.parse(file.read_text("utf-8")))]
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return plain + [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]


def raw_control(text: str) -> list[str]:
    """The characters of a shown text that a terminal would act on."""
    return [char for char in text if not (char.isprintable() or char == "\n")]
