"""One chaos run from its start to its verdict."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.chaos.faults import schedule
from tests.chaos.processes import at_home_in
from tests.chaos.rage import Rage
from tests.chaos.verdict import Result, State, verdict
from tests.chaos.workers import QUEUES
from tests.chaos.world import START, UNREACHABLE, Options, World

STUCK: Final = 60.0  # seconds in which nothing has moved, all faults being over
AT_MOST: Final = 900.0  # seconds for each of the two: until all is enqueued, until all is done


def chaos(options: Options, directory: Path) -> Result:
    """Run it in an empty directory, whose path must be short: a Unix socket lies there."""
    plan = schedule(options.seed, options.seconds, options.faults, options.lease)
    (directory / "faults").write_text("".join(f"{fault}\n" for fault in plan))
    with World(options, directory) as world:
        rage = Rage(world, plan)
        rage.run()
        drain(world)
        stop(world)
        state = State.of(world)
    return verdict(options, directory, state, rage, world.trouble, at_home_in(directory))


def drain(world: World) -> None:
    """All faults are over: everything that was accepted must now run to its end."""
    (world.directory / "calm").touch()
    world.wait(lambda: all(producer.ended == 0 for producer in world.producers), AT_MOST, "for the producers")
    begin, seen, since = time.monotonic(), progress(world), time.monotonic()
    while not is_done(world):
        world.keep()
        time.sleep(0.2)
        if (now := progress(world)) != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() > min(since + STUCK, begin + AT_MOST):
            world.trouble.append(f"nothing has moved for {STUCK:g} s, or not all is done after {AT_MOST:g} s: {seen}")
            break
    world.wait(world.is_served, START, "for both runners")


def progress(world: World) -> list[object]:
    return [world.app.queue(queue).counts() for queue in QUEUES]


def is_done(world: World) -> bool:
    """Whether nothing is left but poison pills that have failed."""
    reader = world.app.reader
    counts = {queue: world.app.queue(queue).counts() for queue in QUEUES}
    return all(
        reader.unfinished(queue) <= 0 and found.unfinished + found.waiting == 0 and (queue == "Poison" or not found.failed)
        for queue, found in counts.items()
    )


def stop(world: World) -> None:
    """Stop everything in good order; a runner must end with 0, and no slot must be left."""
    world.person.process.kill()
    for runner in world.runners:
        runner.process.send_signal(signal.SIGTERM)
        for process in [*runner.former, runner.process]:
            try:
                status = process.wait(30)
            except subprocess.TimeoutExpired:
                world.trouble.append(f"{runner.name} has not stopped within 30 s")
            else:
                if status not in (0, UNREACHABLE, -signal.SIGKILL) or (process is runner.process and status):
                    world.trouble.append(f"{runner.name} ended with {status}")
