"""`python -m tests.faults SCENARIO…` repeats scenarios, and shows their requests; without any it lists the programs.

`--until-wrong`: runs a small sample of all of them, and ends with the first that is wrong.
"""

from __future__ import annotations

import sys

from exqueue.store.events import EventReader
from tests.faults.bench import bench
from tests.faults.faults import Scenario
from tests.faults.product import FEW, scenarios
from tests.faults.programs import PROGRAMS


def until_wrong() -> int:
    """Exit code 1 if anything is wrong."""
    count = 0
    with bench() as made:
        for program in PROGRAMS:
            for scenario, found in scenarios(made, program, FEW):
                count += 1
                if found:
                    print(f"{scenario}, number {count}: {found[0]}")
                    return 1
    print(f"{count} scenarios, nothing is wrong")
    return 0


def main(names: list[str]) -> int:
    """Exit code 1 if anything is wrong."""
    if not names:
        print("\n".join(PROGRAMS))
        return 0
    if names == ["--until-wrong"]:
        return until_wrong()
    try:
        for name in names:
            Scenario.parse(name)
    except (ValueError, KeyError):
        print(
            f"{name!r} is no scenario; write PROGRAM/none, or PROGRAM/ACTOR.REQUEST=FAULT such as plain/c.3=lost+c.4=oom", file=sys.stderr
        )
        return 2
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
