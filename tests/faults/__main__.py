"""`python -m tests.faults SCENARIO…` repeats scenarios, and shows their requests; `--programs` lists what there is."""

from __future__ import annotations

import sys

from exqueue.store.events import EventReader
from tests.faults.bench import bench
from tests.faults.faults import Scenario
from tests.faults.programs import PROGRAMS


def main(names: list[str]) -> int:
    """Exit code 1 if anything is wrong."""
    if not names or names == ["--programs"]:
        print("\n".join(PROGRAMS))
        return 0
    wrong = 0
    with bench() as made:
        for name in names:
            found, trace = made.run(Scenario.parse(name))
            print(name, *(f"  {request.actor}.{request.number} {request.name}" for request in trace), sep="\n")
            print(*(f"  {event.name} {event.job}" for event in EventReader(made.eye, "t", history=True).past()), sep="\n")
            print("\n".join(found) or "nothing is wrong")
            wrong += bool(found)
    return min(wrong, 1)


sys.exit(main(sys.argv[1:]))
