"""Kill, freeze and cut off everything while jobs run, then see whether anything is lost, late or out of order.

`make chaos SECONDS=300 SEED=7`, or `.venv/bin/python scripts/chaos.py --help`. What it is made of is in tests/chaos.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
JOBS = 200  # a second
FAULTS = 1
SHOWN = 10  # lines of each violation


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from tests.chaos.run import chaos
    from tests.chaos.world import Options

    given = arguments()
    seed = given.seed if given.seed is not None else random.randrange(10**6)
    options = Options(
        seed, given.seconds, given.jobs or round(given.seconds * JOBS), given.faults or round(given.seconds * FAULTS),
        given.server, given.fsync, given.hosts, given.lease,
    )  # fmt: skip
    directory = Path(tempfile.mkdtemp(prefix="exq-chaos-"))
    replay = f"make chaos SEED={seed} SECONDS={given.seconds:g} CHAOS_ARGS='--jobs {options.jobs} --faults {options.faults}"
    replay += f" --server {options.server} --fsync {options.fsync} --hosts {options.hosts} --lease {options.lease:g}'"
    print(f"{options.jobs} jobs, {options.faults} faults, {given.seconds:g} s; in {directory}\n{replay}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    begin = time.monotonic()
    result = chaos(options, directory)
    seconds = time.monotonic() - begin
    print(f"\n{seconds:.0f} s, {result.rows['accepted'] / seconds:.0f} jobs a second")
    show(result.rows)
    missed = options.faults - result.faults.total()
    print(f"\n{result.faults.total()} faults" + (f"; {missed} found no victim in time" if missed else ""))
    show(dict(sorted(result.faults.items())))
    for what, lines in result.violations.items():
        if lines:
            print(f"\nWRONG: {what}: {len(lines)}", *lines[:SHOWN], sep="\n  ")
    if result.is_good and not given.keep:
        shutil.rmtree(directory)
    print(
        f"\n{'good' if result.is_good else 'NOT GOOD'}: seed {seed}"
        + ("" if result.is_good and not given.keep else f"; logs in {directory}")
    )
    if not result.is_good:
        print(f"The same faults at the same times, though not to the microsecond: {replay}")
    return 0 if result.is_good else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="decides the jobs and the faults; random by default")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long faults come; then everything is run to its end")
    parser.add_argument("--jobs", type=int, help=f"how many; {JOBS} a second by default")
    parser.add_argument("--faults", type=int, help=f"how many; {FAULTS} a second by default")
    parser.add_argument("--server", choices=["redis", "valkey"], default="redis")
    parser.add_argument("--fsync", choices=["always", "everysec"], default="everysec", help="appendfsync of the server")
    parser.add_argument("--hosts", type=int, choices=[1, 2], default=1, help="2: the second runner acts as on another machine")
    parser.add_argument("--lease", type=float, default=2.5, help="seconds; of both runners")
    parser.add_argument("--keep", action="store_true", help="keep the logs also when all is well")
    return parser.parse_args()


def show(rows: dict[str, int]) -> None:
    for what, count in rows.items():
        print(f"{count:9} {what}")


if __name__ == "__main__":
    sys.exit(main())
