"""`python -m tests.simulation SEED` plays one seed, `… FIRST-LAST` many; `--trace` shows each turn of the last one."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from tests.simulation.run import Course, play
from tests.simulation.wire import Server
from tests.store.servers import running

PART: Final = 250  # seeds that share a server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("seeds", help="one, as 17, or several, as 0-499")
    parser.add_argument("--trace", action="store_true", help="each turn of the last seed")
    parser.add_argument("--jobs", type=int, default=1, help="how many at the same time, each with a server of its own")
    chosen = parser.parse_args()
    first, _, last = chosen.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    for part in _parts(seeds, chosen.jobs, show=print if chosen.trace else None):
        counts.update(part)
        if len(seeds) > PART:
            print(f"{counts['seeds']} of {len(seeds)} seeds, {counts['bad']} bad", file=sys.stderr, flush=True)
    counts.pop("seeds")
    bad = counts.pop("bad", 0)
    sys.stdout.write("".join(f"{name:>20} {number}\n" for name, number in sorted(counts.items())))
    print(f"{len(seeds)} seeds in {time.monotonic() - began:.0f} s: {bad} bad")
    return 1 if bad else 0


def _parts(seeds: range, jobs: int, show: Callable[..., None] | None) -> Iterator[Counter[str]]:
    parts = [seeds[n : n + PART] for n in range(0, len(seeds), PART)]
    if jobs == 1:
        yield from (_play(part, show) for part in parts)
    else:
        with multiprocessing.Pool(jobs, _stay) as pool:
            yield from pool.imap_unordered(_play, parts)


def _stay() -> None:
    """On one core, with the server that it starts: they take turns, and to wake each other elsewhere takes longer than most turns."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[multiprocessing.current_process()._identity[0] % len(cores)]})


def _play(seeds: range, show: Callable[..., None] | None = None) -> Counter[str]:
    counts: Counter[str] = Counter(seeds=len(seeds))
    with running("valkey") as place:
        server = Server(place.socket)
        for seed in seeds:
            course = play(seed, server)
            counts.update(course.counts)
            if course.problem:
                counts["bad"] += 1
                print(f"seed {seed}: {course.problem}", flush=True)
            if show and seed == seeds[-1]:
                _show(course, show)
        server.close()
    return counts


def _show(course: Course, show: Callable[..., None]) -> None:
    for now, who, *what in course.trace:
        show(f"{now:9.4f} {who:12} {' '.join(map(str, what)):.200}")


if __name__ == "__main__":
    sys.exit(main())
