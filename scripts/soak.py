"""A mixed load for as long as you like, and whether anything grows: `make soak SECONDS=900 SEED=7`, or `soak.py --help`.

What it is made of is in tests/soak.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from tests.soak.run import Options, soak
    from tests.soak.samples import Sample, growth

    given = arguments()
    seed = given.seed if given.seed is not None else random.randrange(10**6)
    directory = Path(tempfile.mkdtemp(prefix="exq-soak-"))
    print(f"{given.seconds:g} s, {given.rate} jobs a second, seed {seed}; the log of the runner is in {directory}", flush=True)
    names = [field.name for field in fields(Sample)]
    print(" ".join(f"{name:>17}" for name in names))

    def tell(one: Sample) -> None:
        print(" ".join(f"{getattr(one, name):17.0f}" for name in names), flush=True)

    result = soak(Options(given.seconds, seed, given.rate, given.kill_every, given.sample_every), directory, tell)
    print(f"{'growth':>17} " + " ".join(f"{growth(result.samples, name):17.0f}" for name in names[1:]))
    print(f"{result.enqueued} jobs, {result.kills} kills; enqueued, completed, deleted: {result.counts}")
    if result.left:
        print("\nWRONG: keys that should be gone:", *result.left, sep="\n  ")
    if result.wrong:
        print("\nWRONG:", *result.wrong, sep="\n  ")
    good = not result.left and not result.wrong
    if good:
        shutil.rmtree(directory)
    print("good: nothing grows, nothing is left" if good else "NOT GOOD")
    return 0 if good else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--rate", type=int, default=100, help="jobs a second")
    parser.add_argument("--kill-every", type=float, default=5, help="seconds between two kills of a worker process")
    parser.add_argument("--sample-every", type=float, default=15, help="seconds between two samples")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
