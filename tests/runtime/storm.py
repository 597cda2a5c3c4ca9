"""Jobs with keys under kill -9: what the jobs themselves write down, the blows, and what must be true of the order afterwards."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exqueue.model.job import JobRecord
from exqueue.model.lifecycle import Place
from exqueue.runtime.host import is_alive, send_signal
from tests.runtime.rig import Rig

KEPT_MS = 3_600_000

# Each process writes to a file of its own. A job holds the lock of its key while it runs: the kernel frees it at death, so
# whoever finds it taken runs beside another one that lives. Some jobs succeed at the second attempt only, and bad ones
# fail until there is a file `mended-KEY-N`.
WORKERS = f"""
import fcntl, random
from exqueue import Exqueue, call

files = {{}}

def opened(name):
    if name not in files:
        files[name] = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    return files[name]

def note(word, key, n):
    os.write(opened(f"notes-{{os.getpid()}}"), f"{{time.monotonic_ns()}} {{word}} {{key}} {{n}}\\n".encode())

class Step(Worker):
    processes = 4
    max_retries = 1
    backoff = constant(0.01)
    max_crashes = 1000

    def perform(self, key, n, bad=False):
        lock = opened(f"lock-{{key}}")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note("overlap", key, n)
        note("begin", key, n)
        time.sleep(random.random() / 1000)
        word = "end"
        if bad and not os.path.exists(f"mended-{{key}}-{{n}}"):
            word = "fail"
        elif n % 20 == 7 and self.job.attempt == 1:
            word = "retry"
        note(word, key, n)
        fcntl.flock(lock, fcntl.LOCK_UN)
        if word != "end":
            raise ValueError(word)

class Serial(Step):
    serial = True

class Invoice(Step):
    queue = "books"

class Payment(Step):
    queue = "books"

def pour(url, space, workers, jobs, keys, bad_each):
    app, chance, lengths, poured = Exqueue(url, namespace=space), random.Random(7), [0] * keys, 0
    while poured < jobs:
        key, worker = chance.randrange(keys), chance.choice(workers)
        count = min(jobs - poured, chance.randrange(1, 20))
        options = worker.options(key=None if worker.serial else f"k{{key}}", keep_result={KEPT_MS // 1000} if key % 2 == 0 else None)
        bad = [bad_each and (poured + i) % bad_each == 0 for i in range(count)]
        app.enqueue_many(options, [call(key, lengths[key] + i, *[True] * bad[i]) for i in range(count)])
        lengths[key] += count
        poured += count
"""


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """What a job wrote. `at`: CLOCK_MONOTONIC, which is one for the whole system, ns. `word`: begin, end, retry, fail, overlap."""

    at: int
    word: str
    key: int
    n: int


class Storm:
    """Two runners of one queue that are killed, or their worker processes, and started again. `workers`: one for each runner."""

    def __init__(self, rig: Rig, queue: str = "Step", workers: tuple[str, str] = ("Step", "Step"), source: str = WORKERS) -> None:
        self.rig = rig
        self.queue = queue
        self.workers = workers
        self.chance = random.Random(3)
        self.kills = {"worker": 0, "runner": 0}
        rig.workers(source)

    def pour(self, jobs: int, keys: int, bad_each: int = 0) -> subprocess.Popen[bytes]:
        """Begin to enqueue, in a process of its own: to random keys, a few at a time; one in `bad_each` is bad."""
        settings, kinds = self.rig.app.settings, ", ".join(f"jobs.{worker}" for worker in self.workers)
        code = f"import sys, jobs; jobs.pour(*sys.argv[1:], [{kinds}], {jobs}, {keys}, {bad_each})"
        command = [sys.executable, "-c", code, settings.url, settings.namespace]
        process = subprocess.Popen(command, cwd=self.rig.directory, env=self.rig.environment())
        self.rig.runners.append(process)
        return process

    def begin(self) -> None:
        """Start both runners."""
        self.runners = [self.rig.start(target=f"jobs:{worker}") for worker in self.workers]

    def end(self) -> None:
        """Stop both runners in good order."""
        for runner in self.runners:
            self.rig.stop(runner)

    def done(self) -> int:
        """How many jobs have succeeded."""
        counts = self.rig.app.queue(self.queue).counts()
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
            self.rig.until(lambda: self.rig.pids(self.queue))
            slots = self.rig.app.reader.slots(self.queue)
            held = self.rig.app.reader.held(self.queue, [slot.slot for slot in slots])
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
        self.runners[place] = self.rig.start(target=f"jobs:{self.workers[place]}")
        self.kills["runner"] += 1

    @property
    def cut_off(self) -> int:
        """How many jobs have been cut off at most."""
        return self.kills["worker"] + 4 * self.kills["runner"]

    def notes(self) -> list[Note]:
        """All that the jobs wrote, in the order of time."""
        lines = [line.split() for path in self.rig.directory.glob("notes-*") for line in path.read_text().splitlines()]
        return sorted(Note(int(at), word, int(key), int(n)) for at, word, key, n in lines)


def by_key(notes: list[Note], word: str) -> dict[int, list[int]]:
    """The numbers of the jobs of each key in the order in which they wrote this."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for note in notes:
        if note.word == word:
            found[note.key].append(note.n)
    return dict(found)


def out_of_order(notes: list[Note]) -> list[str]:
    """One line for each way in which the order of a key did not hold; empty when all is well."""
    lines = [f"{note.key}: {note.n} ran beside another one" for note in notes if note.word == "overlap"]
    for key, ends in by_key(notes, "end").items():
        firsts = list(dict.fromkeys(ends))
        if firsts != list(range(len(firsts))):
            lines.append(f"{key}: first succeeded in the order {firsts}")
    for key, begins in by_key(notes, "begin").items():
        if begins != sorted(begins):
            lines.append(f"{key}: begun in the order {begins}")
    return lines


def out_of_time(records: Iterator[JobRecord]) -> list[str]:
    """The same by what the server says of the jobs it keeps: each was started, for the last time, when the one before was done."""
    stamps: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for record in records:
        key, n = record.header.args.split(", ")[:2]
        stamps[key].append((int(n), record.run.since, record.when - KEPT_MS))
    rows = {key: [moment for _, since, done in sorted(found) for moment in (since, done)] for key, found in stamps.items()}
    return [f"{key}: {row}" for key, row in rows.items() if row != sorted(row)]


def kept(rig: Rig, queue: str) -> Iterator[JobRecord]:
    """The jobs that are done and kept."""
    return rig.app.reader.all_in(queue, Place.DONE)
