"""What decides when a job begins, with real runners: limits, pauses, priorities. Nobody here is woken by a timeout."""

from __future__ import annotations

from collections import Counter

import pytest

from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from tests.runtime.rig import Rig
from tests.runtime.storm import Storm

pytestmark = pytest.mark.slow

# Worker processes wait for a minute here where they wait for two seconds else: who is not woken is not there in time.
PATIENT = """
from exqueue.runtime import process
assert process.BLOCK == 2.0
process.BLOCK = 60.0
"""

# A job takes one of two rooms for as long as it runs; the kernel frees their locks at death. Who finds none is one too many.
FEW = """
import fcntl, random
rooms = []

class Few(Worker):
    processes = 3
    max_running = 2
    max_crashes = 1000

    def perform(self, n):
        if not rooms:
            rooms.extend(os.open(f"room-{i}", os.O_WRONLY | os.O_CREAT) for i in range(2))
        room = next(filter(entered, rooms), None)
        say("begin" if room else "one too many", n)
        if n < 2 and self.job.attempt == 1:
            gate()
        time.sleep(random.random() / 500)
        say("end", n)
        fcntl.flock(room or rooms[0], fcntl.LOCK_UN)

def entered(room):
    try:
        fcntl.flock(room, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
"""

SAY = f"""{PATIENT}
class Say(Worker):
    processes = 3
    def perform(self, n):
        say("begin", n)
        gate()
        say("end", n)
"""


def test_no_more_jobs_run_at_once_over_all_runners_than_allowed_whatever_is_killed(rig: Rig) -> None:
    storm = Storm(rig, "Few", FEW)
    rig.enqueue_many("Few", 300)
    storm.begin()
    rig.until(lambda: sorted(rig.said) == ["begin 0", "begin 1"])
    rig.open_gate()
    storm.rage(15, 3, 300)
    rig.until(lambda: storm.done() == 300)
    said = Counter(line.rpartition(" ")[0] for line in set(rig.said))
    assert (said, rig.app.queue("Few").counts()) == ({"begin": 300, "end": 300}, Counts(enqueued=300, completed=300))


def test_when_the_runner_whose_jobs_take_all_places_is_killed_the_other_goes_on_by_itself(own_rig: Rig) -> None:
    own_rig.workers(PATIENT + FEW)
    own_rig.enqueue_many("Few", 12)
    first = own_rig.start()
    own_rig.until(lambda: sorted(own_rig.said) == ["begin 0", "begin 1"])
    own_rig.start()
    own_rig.until(lambda: idle(own_rig) == 4)
    first.kill()
    own_rig.until(lambda: own_rig.app.queue("Few").counts() == Counts(enqueued=12, completed=12))
    assert Counter(own_rig.said) == Counter([f"begin {n}" for n in [0, 1, *range(12)]] + [f"end {n}" for n in range(12)])


def test_no_more_jobs_are_started_in_any_second_over_all_runners_than_the_rate_allows(rig: Rig) -> None:
    rig.workers("""
class Paced(Worker):
    processes = 3
    rate = "20/second"
    keep_result = 3600
    def perform(self, n): ...
""")
    rig.enqueue_many("Paced", 70)
    runners = [rig.start(), rig.start()]
    rig.until(lambda: rig.app.queue("Paced").counts().done == 70)
    starts = sorted(record.run.since for record in rig.app.reader.all_in("Paced", Place.DONE))
    assert max(sum(start <= other < start + 1000 for other in starts) for start in starts) <= 20
    assert [rig.stop(runner) for runner in runners] == [0, 0]


def test_a_pause_lets_running_jobs_end_and_none_begin_and_a_resume_wakes_all(rig: Rig) -> None:
    rig.workers(SAY)
    rig.enqueue_many("Say", 20)
    rig.start(), rig.start()
    rig.until(lambda: len(rig.said) == 6)
    rig.app.store.pause("Say")
    rig.open_gate()
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(pending=14, enqueued=20, completed=6, paused=True))
    (rig.directory / "gate").unlink()
    rig.app.store.resume("Say")
    rig.until(lambda: len(rig.said) == 18)  # six more have begun: each process was woken
    rig.open_gate()
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=20, completed=20))
    assert begun_while_paused(rig, "Say") == 0


def test_what_comes_while_idle_processes_are_paused_begins_with_the_resume_and_wakes_all(own_rig: Rig) -> None:
    own_rig.workers(SAY)
    own_rig.start(), own_rig.start()
    own_rig.until(lambda: idle(own_rig) == 6)
    own_rig.app.store.pause("Say")
    own_rig.enqueue_many("Say", 20)
    own_rig.until(lambda: idle(own_rig) == 6)  # each was handed a job, or a call, and gave it back
    assert (own_rig.said, own_rig.app.queue("Say").counts()) == ([], Counts(pending=20, enqueued=20, paused=True))
    own_rig.app.store.resume("Say")
    own_rig.until(lambda: sorted(own_rig.said) == sorted(f"begin {n}" for n in range(6)))
    own_rig.open_gate()
    own_rig.until(lambda: own_rig.app.queue("Say").counts() == Counts(enqueued=20, completed=20))
    assert begun_while_paused(own_rig, "Say") == 0


@pytest.mark.parametrize(
    "code",
    [
        *(f"app.enqueue_many(jobs.Say.options(priority={priority}), [call(n) for n in range(6)])" for priority in (0, 5, -5)),
        "for n, p in enumerate([0, 5, -5, 1000, -1000, 5]): app.enqueue(jobs.Say.options(priority=p), n)",
    ],
    ids=["none", "high", "low", "mixed"],
)
def test_idle_processes_wake_for_any_priority(own_rig: Rig, code: str) -> None:
    own_rig.workers(SAY)
    own_rig.start(), own_rig.start()
    own_rig.until(lambda: idle(own_rig) == 6)
    own_rig.client(code)
    own_rig.until(lambda: sorted(own_rig.said) == [f"begin {n}" for n in range(6)])
    own_rig.open_gate()
    own_rig.until(lambda: own_rig.app.queue("Say").counts() == Counts(enqueued=6, completed=6))


def test_higher_priorities_run_first_and_what_is_killed_keeps_its_place(rig: Rig) -> None:
    rig.workers("""
class Say(Worker):
    def perform(self, priority, n):
        say(priority, n)
        if n % 3 == 0 and self.job.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
""")
    put = [(priority, n) for n, priority in enumerate([0, 7, -2, 7, 0, 3, -2, 0, 7, 0])]
    rig.client(f"for priority, n in {put}: app.enqueue(jobs.Say.options(priority=priority), priority, n)")
    rig.burst()
    order = sorted(put, key=lambda job: (-job[0], job[1]))
    assert rig.said == [f"{priority} {n}" for priority, n in order for _ in range(2 if n % 3 == 0 else 1)]


def test_a_priority_never_breaks_the_order_of_a_key(rig: Rig) -> None:
    rig.workers("""
class Say(Worker):
    processes = 3
    def perform(self, key, n):
        say(key, n)
        if n % 4 == 1 and self.job.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
""")
    rig.client("""
for n in range(12):
    for key in "abcd":
        app.enqueue(jobs.Say.options(key=key, priority=(n * 7 + ord(key)) % 5), key, n)
""")
    first, second = rig.start("--burst"), rig.start("--burst")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    for key in "abcd":
        said = [int(line.split()[1]) for line in rig.said if line[0] == key]
        assert said == [n for n in range(12) for _ in range(2 if n % 4 == 1 else 1)]


def idle(rig: Rig) -> int:
    """How many worker processes are blocked: before an empty line, or while it is closed."""
    clients = rig.app.channel.ask([("CLIENT", "LIST")])[0].decode().splitlines()
    return sum("cmd=blmove" in client and "flags=b" in client for client in clients)


def begun_while_paused(rig: Rig, queue: str) -> int:
    """How many jobs were claimed between a pause and its end, as the server tells it."""
    count, paused = 0, False
    for _, fields in rig.app.channel.ask([("XRANGE", rig.app.store.keys(queue)["events"], "-", "+")])[0]:
        event = fields[1].decode()
        paused = event == "paused" or (paused and event != "resumed")
        count += paused and event == "claimed"
    return count
