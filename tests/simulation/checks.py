"""What must hold beside the order of a job's life: limits, wake-ups, and everything at the end."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from exqueue.store.channel import Channel
from exqueue.store.invariants import broken
from exqueue.store.keys import BELL
from tests.simulation.history import History
from tests.simulation.kernel import Kernel
from tests.simulation.probe import NAMESPACE, Look
from tests.simulation.stage import Stage, Violation
from tests.simulation.wire import Wire


class Checked(Protocol):
    """What is looked at of the world."""

    stage: Stage
    wire: Wire
    history: History
    looks: dict[str, Look]
    kernel: Kernel
    limits: dict[str, str]
    calm: bool
    starts: dict[str, list[int]]
    acknowledged: list[tuple[str, str]]


def check_limits(world: Checked, queue: str, before: Look, look: Look) -> None:
    """Nothing begins in a queue that is paused, or while as many run as may."""
    begun = [job for event, job in look.events if event == "claimed"]
    if not begun:
        return
    if before.paused and look.paused:
        raise Violation(f"{begun[0]} is claimed though {queue} is paused")
    most, count, window = map(int, (world.limits.get(queue) or "0 0 0").split())
    if most and look.running > most:
        raise Violation(f"{look.running} run in {queue}, and {most} may")
    if count and len(world.wire.skews) == 1:
        world.starts[queue] = [*world.starts[queue][-count:], world.wire.clock_us() // 1000]
        if len(world.starts[queue]) > count and world.starts[queue][-1] - world.starts[queue][0] < window:
            raise Violation(f"more than {count} start in {window} ms in {queue}: {world.starts[queue]}")


def check_wakeups(world: Checked) -> None:
    """Before time goes on: no process waits for what is there, unless somebody is still to look."""
    for queue, look in world.looks.items():
        if not look.line or look.unlooked or look.paused:
            continue
        if _waits(world, queue, "pending"):
            raise Violation(f"{_waits(world, queue, 'pending')} wait for {look.line} of {queue}, and are not woken")
        most, rate, _ = (world.limits.get(queue) or "0 0 0").split()
        if rate != "0" or not world.calm:
            continue  # who waits for a bell waits two seconds at most, so that somebody's death may cost as much
        waiting = _waits(world, queue, "bell")
        awake = [process for process in world.kernel.living.values() if process.queue == queue and not process.playing]
        free = min(len(look.line), int(most) - look.running if most != "0" else len(look.line))
        if waiting and free > len(awake) - len(waiting):
            raise Violation(f"{waiting} wait for a bell of {queue}, {look.line} are in its line, and nobody will ring")


def _waits(world: Checked, queue: str, name: str) -> list[str]:
    now = world.stage.now
    found = world.wire.waiting.get(f"{NAMESPACE}:{{{queue}}}:{name}", ())
    return [waiter.actor.name for waiter in found if not waiter.moved and not waiter.actor.killed and waiter.actor.frozen <= now]


def check_end(world: Checked, channel: Channel) -> None:
    """All has come to rest, and everybody has gone home."""
    lines = broken(channel, NAMESPACE)
    lists = channel.ask([("KEYS", "*:processing:*")])[0]
    held = zip(lists, channel.ask([("LRANGE", name, 0, -1) for name in lists]) if lists else [], strict=True)
    # A bell may come to a process that has just been killed: the next sweep takes it out, and nobody waits for that.
    lines += [f"{name.decode()} is not empty" for name, ids in held if set(ids) != {BELL}]
    for queue in world.limits:
        prefix = f"{NAMESPACE}:{{{queue}}}:"
        slots, outbox, counters, done = channel.ask([
            ("HKEYS", f"{prefix}slots"), ("HKEYS", f"{prefix}outbox"), ("HMGET", f"{prefix}counters", "enqueued", "completed", "deleted"),
            ("ZCARD", f"{prefix}done"),
        ])  # fmt: skip
        lines += [f"{queue} has {left}" for left in (slots, outbox) if left]
        lines += _counted(world, queue, [int(value or 0) for value in counters], done)
    lost = [job for job in world.acknowledged if job not in world.history.jobs]
    lines += [f"{job} of {queue} was acknowledged, and there is none" for queue, job in lost] + _followed(world)
    if lines:
        raise Violation("; ".join(lines))


def _counted(world: Checked, queue: str, counted: list[int], done: int) -> list[str]:
    stories = [story for story in world.history.jobs.values() if story.queue == queue]
    ways = Counter(world.history.ended.get((queue, story.id), story.place) for story in stories)
    told = [len(stories), ways["completed"] - done, ways["cancelled"] + ways["deleted"] + ways["discarded"]]
    lines = [] if told == counted else [f"{queue} has counted {counted}, and it was {told}: {dict(ways)}"]
    wrong = [story for story in stories if story.commits != (world.history.ended.get((queue, story.id)) == "completed")]
    return lines + [f"{story.id} has succeeded {story.commits} times" for story in wrong]


def _followed(world: Checked) -> list[str]:
    names = {(story.queue, story.terms.unique) for story in world.history.jobs.values() if story.terms.unique}
    return [
        f"{link} was to follow {story.id}"
        for story in world.history.jobs.values()
        if story.commits
        for link in story.followers
        if link not in world.history.jobs and not names
    ]
