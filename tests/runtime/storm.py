"""Jobs with keys under kill -9, for a worker type of one's own: the blows, and what must be true of the order afterwards.

`tests/chaos` has more kinds of faults, and more kinds of jobs; the jobs here write the same journal.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from exqueue.model.job import JobRecord
from exqueue.model.lifecycle import Place
from exqueue.runtime.host import is_alive, send_signal
from tests.chaos import journal
from tests.chaos.journal import Note
from tests.chaos.judge import Deed, disorder, out_of_time, overlaps
from tests.chaos.plan import KEPT, Order
from tests.runtime.rig import Rig

# A name is that of the key and a number, `7-0`. Some jobs succeed at the second attempt only, and bad ones fail until there
# is a file `mended-NAME`.
WORKERS = f"""
import random
from exqueue import Exqueue, call
from tests.chaos.workers import alone, note

class Step(Worker):
    processes = 4
    max_retries = 1
    backoff = constant(0.01)
    max_crashes = 1000

    def perform(self, name, lane, bad=False):
        with alone(name, lane):
            note("begin", name, self.job.attempt)
            time.sleep(random.random() / 1000)
            word = "end"
            if bad and not os.path.exists(f"mended-{{name}}"):
                word = "fail"
            elif name.endswith("7") and self.job.attempt == 1:
                word = "retry"
            note(word, name, self.job.attempt)
        if word != "end":
            raise ValueError(word)

def pour(url, space, jobs, keys, bad_each):
    app, chance, lengths, poured = Exqueue(url, namespace=space), random.Random(7), [0] * keys, 0
    while poured < jobs:
        key = chance.randrange(keys)
        count = min(jobs - poured, chance.randrange(1, 20))
        options = Step.options(key=f"k{{key}}", keep_result={KEPT} if key % 2 == 0 else None)
        bad = [bad_each and (poured + i) % bad_each == 0 for i in range(count)]
        app.enqueue_many(options, [call(f"{{key}}-{{lengths[key] + i}}", key, *[True] * bad[i]) for i in range(count)])
        lengths[key] += count
        poured += count
"""


class Storm:
    """Two runners of one worker type that are killed, or their worker processes, and started again."""

    def __init__(self, rig: Rig, worker: str = "Step", source: str = WORKERS) -> None:
        self.rig = rig
        self.worker = worker
        self.chance = random.Random(3)
        self.kills = {"worker": 0, "runner": 0}
        rig.workers(source)

    def pour(self, jobs: int, keys: int, bad_each: int = 0) -> subprocess.Popen[bytes]:
        """Begin to enqueue, in a process of its own: to random keys, a few at a time; one in `bad_each` is bad."""
        settings = self.rig.app.settings
        code = f"import sys, jobs; jobs.pour(*sys.argv[1:], {jobs}, {keys}, {bad_each})"
        command = [sys.executable, "-c", code, settings.url, settings.namespace]
        process = subprocess.Popen(command, cwd=self.rig.directory, env=self.rig.environment())
        self.rig.runners.append(process)
        return process

    def begin(self) -> None:
        """Start both runners."""
        self.runners = [self.rig.start(target=f"jobs:{self.worker}") for _ in range(2)]

    def end(self) -> None:
        """Stop both runners in good order."""
        for runner in self.runners:
            self.rig.stop(runner)

    def done(self) -> int:
        """How many jobs have succeeded."""
        counts = self.rig.app.queue(self.worker).counts()
        return counts.completed + counts.done

    def rage(self, workers: int, runners: int, until: int) -> None:
        """Kill so many worker processes and runners, spread over the way to `until` jobs that have succeeded."""
        blows: list[Callable[[], None]] = [self.kill_worker] * workers + [self.kill_runner] * runners
        self.chance.shuffle(blows)
        first = self.done()
        for number, blow in enumerate(blows):
            due = first + int((until - first) * (number + self.chance.random()) / (len(blows) + 1))
            self.rig.until(lambda due=due: self.done() >= due, f"for {due} jobs to be done")  # type: ignore[misc]
            blow()

    def kill_worker(self) -> None:
        """Kill a worker process, mostly one that holds a job."""
        while True:
            self.rig.until(lambda: self.rig.pids(self.worker))
            slots = self.rig.app.reader.slots(self.worker)
            held = self.rig.app.reader.held(self.worker, [slot.slot for slot in slots])
            living = [slot for slot in slots if is_alive(slot.pid, slot.start)]
            busy = [slot for slot in living if slot.slot in held and self.chance.random() < 0.9]
            if living:
                slot = self.chance.choice(busy or living)
                send_signal(slot.pid, slot.start, signal.SIGKILL)
                self.kills["worker"] += 1
                return

    def kill_runner(self) -> None:
        """Kill a runner, whose worker processes die with it, and start another one."""
        place = self.chance.randrange(2)
        self.runners[place].kill()
        self.runners[place].wait()
        self.runners[place] = self.rig.start(target=f"jobs:{self.worker}")
        self.kills["runner"] += 1

    @property
    def cut_off(self) -> int:
        """How many jobs have been cut off at most."""
        return self.kills["worker"] + 4 * self.kills["runner"]

    def notes(self) -> list[Note]:
        """All that the jobs wrote, in the order of time."""
        return journal.notes(self.rig.directory)


def by_key(notes: list[Note], word: str) -> dict[int, list[int]]:
    """The numbers of the jobs of each key in the order in which they wrote this."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for note in notes:
        if note.word == word:
            key, n = map(int, note.name.split("-"))
            found[key].append(n)
    return dict(found)


def out_of_order(notes: list[Note], kept: Iterator[JobRecord]) -> list[str]:
    """One line for each way in which the order of a key did not hold, by the jobs or by the server; empty when all is well."""
    lengths = Counter(key for key, n in {tuple(map(int, note.name.split("-"))) for note in notes})
    orders = [Order(f"{key}-{n}", "Step", key) for key, length in lengths.items() for n in range(length)]
    return [*overlaps(notes, [], 0)[0], *disorder(notes, orders, Deed()), *out_of_time(kept, orders, Deed())]


def kept(rig: Rig, queue: str) -> Iterator[JobRecord]:
    """The jobs that are done and kept."""
    return rig.app.reader.all_in(queue, Place.DONE)
