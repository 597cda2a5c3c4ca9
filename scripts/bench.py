"""How fast exqueue is, beside hand-written floors and those of its peers that are installed here.

`make bench`, or `.venv/bin/python scripts/bench.py --help`. What it is made of is in scripts/measure; what its figures mean, in
docs/performance.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.measure.report import Sample
    from scripts.measure.server import Server
    from scripts.measure.systems.table import System

ROOT = Path(__file__).parents[1]
WORKLOADS = ("enqueue", "enqueue_many", "drain", "latency")


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from rich.console import Console

    from scripts.measure.report import plot, show, summary
    from scripts.measure.server import serving
    from scripts.measure.systems.table import chosen

    given = arguments()
    found, absent = chosen(given.systems)
    for name in absent:
        print(f"{name}: left out, it is not installed here")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    with tempfile.TemporaryDirectory(prefix="exq-bench-") as directory, serving(Path(directory)) as server:
        samples = list(measured(given, found, server, Path(directory)))
        about = {"server": server.version, "python": platform.python_version(), "cores": os.cpu_count()}
    if not samples:
        print("nothing was measured")
        return 1
    show(samples, Console(width=None if sys.stdout.isatty() else 160))
    if given.json:
        versions = {system.name: system.version for system in found}
        told = {**about, "versions": versions, "summary": summary(samples), "samples": [asdict(sample) for sample in samples]}
        given.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    if given.plot:
        plot(samples, given.plot)
    return 0


def measured(given: argparse.Namespace, found: list[System], server: Server, directory: Path) -> Iterator[Sample]:
    """Round by round; the systems take turns with each workload, so that what disturbs one of them disturbs its neighbours."""
    from scripts.measure.report import Sample
    from scripts.measure.workloads import Failed, Run, Size, measures

    size = Size(given.jobs, given.seconds, given.latency_jobs)
    wanted = {name: measure for name, measure in measures(given.processes).items() if name.split()[0] in given.workloads}
    for turn, (workload, measure), system in itertools.product(range(given.rounds), wanted.items(), found):
        if not system.does(workload):
            continue
        try:
            figures = measure(Run(system, server, directory, size))
        except Failed as error:
            print(f"{system.name}, {workload}: {error}", flush=True)
            continue
        if figures:
            print(f"round {turn + 1}: {workload}, {system.name}: {next(iter(figures.values())):,.4g}", flush=True)
            yield Sample(turn, workload, system.name, figures)


def arguments() -> argparse.Namespace:
    from scripts.measure.systems.table import SYSTEMS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=_positive, default=3, help="what is shown are medians over them")
    parser.add_argument("--jobs", type=_positive, default=20_000, help="how many are enqueued, and how many wait to be run")
    parser.add_argument("--seconds", type=float, default=10.0, help="the longest measurement; slow systems do fewer jobs")
    parser.add_argument("--processes", type=_numbers, default=[1, 2, 10], help="worker processes: 1,2,10")
    parser.add_argument("--latency-jobs", type=_positive, default=200)
    parser.add_argument("--systems", type=_words(list(SYSTEMS)), default=[], help=f"with commas; all by default: {','.join(SYSTEMS)}")
    parser.add_argument(
        "--workloads", type=_words(WORKLOADS), default=WORKLOADS, help=f"with commas; all by default: {','.join(WORKLOADS)}"
    )
    parser.add_argument("--json", type=Path, help="a file for all samples")
    parser.add_argument("--plot", type=Path, help="a file for a picture, .svg or .png")
    given = parser.parse_args()
    if given.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install --group bench")
    return given


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _numbers(text: str) -> list[int]:
    return [_positive(word) for word in text.split(",")]


def _words(known: Sequence[str]) -> Callable[[str], list[str]]:
    def words(text: str) -> list[str]:
        found = text.split(",")
        if unknown := [word for word in found if word not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return found

    return words


if __name__ == "__main__":
    sys.exit(main())
