"""`python -m tests.simulation SEED` plays one seed, `… FIRST-LAST` many; `--trace` shows each turn of the last one."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable
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
    if chosen.jobs > 1:
        with multiprocessing.Pool(chosen.jobs) as pool:
            parts = pool.map(_play, [seeds[n : n + PART] for n in range(0, len(seeds), PART)], chunksize=1)
    else:
        parts = [_play(seeds, show=print if chosen.trace else None)]
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part)
    bad = counts.pop("bad", 0)
    sys.stdout.write("".join(f"{name:>20} {number}\n" for name, number in sorted(counts.items())))
    print(f"{len(seeds)} seeds in {time.monotonic() - began:.0f} s: {bad} bad")
    return 1 if bad else 0


def _play(seeds: range, show: Callable[..., None] | None = None) -> Counter[str]:
    counts: Counter[str] = Counter()
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
