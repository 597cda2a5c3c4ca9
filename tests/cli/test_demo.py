"""`exqueue demo`: ends by itself, has shown the life of a job, and leaves nothing."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.kit import Terminal, clear, run, soon, survivors

pytestmark = pytest.mark.slow

KILLED = r"kill -9 of worker process (\d+)"
END = r"""16 enqueued = 15 completed \+ 1 failed; nothing lost, all accounted for: True
worker process {pid} was killed while it ran ImportLedger\('2026/october.csv'\): the job was recovered and ran again

The failed job stays until a person acts:

id +queue +place +tries +since +arguments +error *
(?P<id>[0-9a-f]{{24}}) +ImportLedger +failed +3 +\S+ \S+ +'2026/broken.csv' +ValueError: 2026/broken.csv: line 7 has 5 columns .*

With your own jobs you would now type one of:
  exqueue failed show (?P=id)
  exqueue failed requeue (?P=id)
  exqueue failed delete (?P=id)
$"""


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory with a short name (a socket is made in it). At the end it is empty, and no process uses it."""
    with tempfile.TemporaryDirectory(prefix="exq") as directory:
        yield Path(directory)
        assert (clear(Path(directory)), list(Path(directory).iterdir())) == ({}, [])


@pytest.fixture
def env(place: Path) -> dict[str, str]:
    """The settings of an application, which are not the demo's, and a place for what is temporary."""
    return {"TMPDIR": str(place), "EXQUEUE_URL": "redis://localhost:1/0", "EXQUEUE_NAMESPACE": "other"}


def test_without_a_terminal_it_tells_the_whole_story_in_lines(place: Path, env: dict[str, str]) -> None:
    began = time.monotonic()
    done = run("demo", cwd=place, env=env)
    assert (done.code, done.err, time.monotonic() - began < 30) == (0, "", True)
    told = [line.partition("; kill")[0] for line in done.out.splitlines() if line.startswith("CountWords")]
    assert told[-1] == "CountWords 12 done, 0 failed; SendInvoice 1 done, 0 failed; ImportLedger 2 done, 1 failed"
    [pid] = set(re.findall(KILLED, done.out))
    assert re.search(END.format(pid=pid), done.out), done.out


def test_at_a_terminal_it_draws_the_progress(place: Path, env: dict[str, str]) -> None:
    began = time.monotonic()
    terminal = Terminal("demo", cwd=place, env=env)
    assert (terminal.end(), time.monotonic() - began < 30) == (0, True)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.shown).replace("\r", "")
    [pid] = set(re.findall(KILLED, shown))
    assert re.search(END.format(pid=pid), shown), shown


def test_whoever_interrupts_it_leaves_nothing_behind(place: Path, env: dict[str, str]) -> None:
    terminal = Terminal("demo", cwd=place, env=env)
    terminal.until("kill -9 of worker process")
    terminal.type("\x03")
    assert terminal.end() == 130
    soon(lambda: not survivors(place), 5)  # the kernel may still be burying what the killed runner left
