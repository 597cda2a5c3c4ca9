"""The benchmarks measure what they say, of everything that is installed, and can be compared: `make bench`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.measure import record
from scripts.measure.report import Figure, Sample, figure
from scripts.measure.systems.table import SYSTEMS
from scripts.peerbench.lay import adapter

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench.py"
FLOORS = ["rpush", "floor-c", "floor-d", "exqueue"]
SAMPLES = [
    Sample(turn, "drain 1", system, {"jobs/s": speed})
    for turn, speeds in enumerate([{"floor-c": 100, "exqueue": 50}, {"floor-c": 10, "exqueue": 9}, {"exqueue": 70}])
    for system, speed in speeds.items()
]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_each_system_enqueues_runs_and_is_compared(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    words = ["--rounds", "1", "--jobs", "60", "--seconds", "30", "--processes", "1,2", "--latency-jobs", "5"]
    ran = bench(*words, "--systems", ",".join(FLOORS), "--json", str(told))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(told.read_text())["samples"]
    done = {(sample["workload"], sample["system"]): sample["figures"].get("run") for sample in found}
    runs = {"drain 1": 60, "drain 2": 60, "latency": 5}
    assert done == {
        ("enqueue", "rpush"): None, ("enqueue", "exqueue"): None, ("enqueue_many", "rpush"): None, ("enqueue_many", "exqueue"): None,
        **{(workload, system): count for workload, count in runs.items() for system in FLOORS[1:]},
    }  # fmt: skip
    floor = next(sample["figures"] for sample in found if (sample["workload"], sample["system"]) == ("drain 1", "floor-c"))
    assert (round(floor["commands"]), round(floor["reads"])) == (2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, system in SYSTEMS.items() if not system.is_here])
def test_a_system_that_is_not_installed_is_left_out_with_a_line(name: str) -> None:
    ran = bench("--systems", name)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, f"{name}: left out, it is not installed here\nnothing was measured\n", "")


def test_a_worker_process_begins_no_job_before_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: tmp_path / name for name in (record.LOG, record.OPEN, record.READY)}
    for name, path in files.items():
        monkeypatch.setenv(name, str(path))
    before: list[set[str]] = []

    def look(seconds: float) -> None:
        before.append({path.name for path in tmp_path.iterdir()})
        files[record.OPEN].touch()

    monkeypatch.setattr(time, "sleep", look)
    record.job(1, 2)
    assert (before, [job[:2] for job in record.records(files[record.LOG])]) == ([{record.READY}], [(1, 2)])


def test_a_ratio_is_the_median_of_those_within_rounds() -> None:
    assert figure(SAMPLES, "drain 1", "exqueue", "jobs/s") == Figure(50, pytest.approx(0.7), 0.5, 0.9)


def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    ran = bench("--systems", "exqeue")
    known = "rpush, floor-c, floor-d, exqueue, exqueue-batch, rq, dramatiq, huey, celery"
    assert (ran.returncode, ran.stderr.splitlines()[-1].partition("error: ")[2]) == (
        2, f"argument --systems: 'exqeue' is none of {known}",
    )  # fmt: skip


@pytest.mark.parametrize(("source", "required"), [("", ["exqueue"]), ("/some/where", ["-e", "/some/where"])])
def test_the_adapter_for_peerbench_installs_exqueue_by_name_or_from_the_tree_it_is_given(source: str, required: list[str]) -> None:
    line = next(line for line in adapter(source).splitlines() if line.startswith("REQUIRES = "))
    assert json.loads(line.removeprefix("REQUIRES = "))[:-1] == required
