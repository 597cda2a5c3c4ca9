"""Thousands of wounded entries: whoever looks shows them, whoever works fails them with a reason, and the neighbours run."""

from __future__ import annotations

import contextlib
import logging
import os
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from exqueue.app import Exqueue
from exqueue.model.errors import JobFailed, JobNotFound, ResultUnavailable
from exqueue.model.lifecycle import Place
from tests.cli.conftest import Command
from tests.cli.kit import RAW
from tests.hostile.drain import drained
from tests.hostile.wounds import Wound, inflict
from tests.hostile.yard import QUEUE, Healthy, Yard

ENTRIES: Final = int(os.environ.get("EXQUEUE_HOSTILE", "20000"))
AT_ONCE: Final = 100
PARTS: Final = 8  # for several processes
SEED: Final = int(os.environ.get("EXQUEUE_SEED", "0"))
LOOKS: Final = (
    "status", "status --json", "jobs list --all", "jobs list --all --json", "failed list --all", "failed list --all --json", "blocked list",
    "blocked list --json", "schedule list", "schedule list --json", "events --limit 50", "events --limit 50 --json", "jobs show p3",
    "failed show f3", "jobs show r17", "failed list --error zz", "jobs list --key A",
)  # fmt: skip


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What a runner would have logged."""
    caplog.set_level(logging.DEBUG, "exqueue")
    return caplog


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_nobody_runs_dies_or_is_lost_by_what_a_stranger_has_written(
    part: int, app: Exqueue, yard: Yard, healthy: Healthy, exq: Command, logged: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    for seed in range(SEED + part, SEED + ENTRIES // AT_ONCE, PARTS):
        chance, mark = random.Random(seed), tmp_path / "mark"
        yard.restore(healthy)
        wounds = [inflict(yard, healthy, chance, mark) for _ in range(AT_ONCE)]
        found = shown(exq, chance.sample(LOOKS, 3)) + drained(app, logged) + lost(app, healthy, wounds) + unexplained(app)
        found += results(app)
        assert (seed, found, mark.exists()) == (seed, [], False)


def shown(exq: Command, commands: Iterable[str]) -> list[str]:
    """What is wrong with what commands print."""
    found = []
    for command in commands:
        try:
            done = exq(*command.split())
        except Exception as error:
            found.append(f"{command}: {error!r}")
            continue
        raw = [line for line in (done.out + done.err).splitlines(keepends=True) if RAW.search(line)]
        if raw or done.code not in (0, 1, 3) or done.err.count("\n") > 1:
            found.append(f"{command}: {raw or (done.code, done.err)}")
    return found


def lost(app: Exqueue, healthy: Healthy, wounds: list[Wound]) -> list[str]:
    """Jobs that nobody touched, and that are not where they should be: those in line have run, the others stay."""
    jobs = {job for wound in wounds for job in wound.jobs} | {"h"}
    keys = {key for wound in wounds for key in wound.keys}
    stay = {"failed", "delayed", "done"}
    found = []
    for job, place in healthy.places.items():
        if job in jobs or healthy.keys[job] in keys:
            continue
        record = app.reader.find(QUEUE, job)
        now = record.place.value if record else "none"
        if now != (place if place in stay else "none"):
            found.append(f"{job} was {place}, is {now}: {record}")
    return found


def unexplained(app: Exqueue) -> list[str]:
    """Failed jobs without a reason that says why."""
    ids = [record.id for record in app.reader.all_in(QUEUE, Place.FAILED)]
    last = app.reader.last_errors(QUEUE, ids)
    return [f"{job!r} failed without a reason" for job, error in zip(ids, last, strict=True) if error and not error.reason]


def results(app: Exqueue) -> list[str]:
    """Kept results that were wounded and are given to whoever asks."""
    found = []
    for job in ("r17", "r18", "r19"):
        with contextlib.suppress(ResultUnavailable, JobFailed, JobNotFound):
            found.append(f"{job} gave {app.job(job).result(timeout=0)!r}")
    return [line for line in found if line != "r17 gave {'a': 1}"]
