"""Order that holds: jobs of many keys on two runners under kill -9, and failures that block. More of it in tests/chaos."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from exqueue.model.job import Counts
from exqueue.model.lifecycle import Place
from tests.chaos.judge import name_of
from tests.runtime.rig import Rig
from tests.runtime.storm import Storm, by_key, kept, out_of_order

pytestmark = pytest.mark.slow


@pytest.mark.timeout(240)
def test_the_jobs_of_each_key_run_one_at_a_time_and_in_order_whatever_is_killed(rig: Rig) -> None:
    jobs, storm = 6000, Storm(rig)
    client = storm.pour(jobs, keys=100)
    storm.begin()
    storm.rage(25, 3, jobs)
    rig.until(lambda: storm.done() == jobs)
    storm.end()
    assert client.wait(10) == 0
    check(storm, jobs)


@pytest.mark.timeout(240)
def test_a_key_whose_job_failed_stands_still_until_it_is_requeued_and_goes_on_in_order(rig: Rig) -> None:
    jobs, storm = 3000, Storm(rig)
    client = storm.pour(jobs, keys=60, bad_each=50)
    storm.begin()
    storm.rage(15, 2, jobs // 4)
    assert client.wait(60) == 0
    rig.until(lambda: rig.app.reader.unfinished("Step") == 0)  # whatever can run has run
    counts, heads = rig.app.queue("Step").counts(), blocked(rig)
    assert (counts.blocked, counts.failed, counts.failed + counts.waiting) == (len(heads), len(heads), jobs - storm.done())
    assert heads == {f"{key}-{ns[0]}" for key, ns in by_key(storm.notes(), "fail").items()}
    blows = iter([storm.kill_worker, storm.kill_worker, storm.kill_runner] * 5)
    while storm.done() < jobs:
        requeue_some(storm)
        next(blows, lambda: None)()
        rig.until(lambda: rig.app.failed("Step") or storm.done() == jobs)
    storm.end()
    check(storm, jobs)
    failed = by_key(storm.notes(), "fail")
    assert sum(len(set(ns)) for ns in failed.values()) == jobs // 50


def test_failed_jobs_of_one_key_run_in_the_order_they_were_enqueued_in_whatever_order_they_are_requeued(rig: Rig) -> None:
    rig.workers("""
class Bad(Worker):
    processes = 3
    max_retries = 0
    on_failure = "continue"
    def perform(self, n):
        say(n)
        assert os.path.exists("mended")
""")
    rig.client("for n in range(9): app.enqueue(jobs.Bad.options(key='k'), n)")
    rig.burst()
    (rig.directory / "mended").touch()
    rig.app.store.pause("Bad")
    rig.start(), rig.start()
    failed = list(rig.app.failed())
    random.Random(5).shuffle(failed)
    rig.command("failed", "requeue", *(job.id for job in failed[:3]))
    for job in failed[3:]:
        job.requeue()
    rig.app.store.resume("Bad")
    rig.until(lambda: rig.app.queue("Bad").counts() == Counts(enqueued=9, completed=9))
    assert rig.said == [str(n) for n in [*range(9), *range(9)]]


def test_while_a_host_is_silent_the_keys_of_its_jobs_stand_still_and_the_others_go_on(rig: Rig) -> None:
    rig.workers("""
class Say(Worker):
    processes = 2
    def perform(self, key, n):
        say(key, n)
        if (key, n, self.job.attempt) == ("a", 0, 1):
            gate()
""")
    rig.client("for n in range(3): app.enqueue(jobs.Say.options(key='a'), 'a', n)")
    silent = rig.start("--lease", "1", EXQUEUE_HOST_ID="elsewhere")
    rig.until(lambda: rig.said == ["a 0"])
    silent.kill()
    rig.start("--lease", "10000")
    rig.client("for n in range(3): app.enqueue(jobs.Say.options(key='b'), 'b', n)")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(waiting=2, processing=1, enqueued=6, completed=3))
    rig.start("--lease", "1")
    rig.until(lambda: rig.app.queue("Say").counts() == Counts(enqueued=6, completed=6))
    assert rig.said == ["a 0", "b 0", "b 1", "b 2", "a 0", "a 1", "a 2"]


def requeue_some(storm: Storm) -> None:
    """Mend some of the jobs that have failed, and requeue them in no order: by the command, all at once, or one by one."""
    rig, chance = storm.rig, storm.chance
    failed = list(rig.app.failed("Step"))
    some = chance.sample(failed, chance.randint(1, len(failed))) if failed else []
    heads = blocked(rig)
    for job in some:
        name = name_of(job.seen)
        assert name in heads
        (rig.directory / f"mended-{name}").touch()
    match chance.randrange(3) if some else None:
        case 0:
            rig.command("failed", "requeue", *(job.id for job in some))
        case 1:
            assert rig.app.failed("Step").filter(ids=[job.id for job in some]).requeue() == len(some)
        case 2:
            for job in some:
                job.requeue()


def blocked(rig: Rig) -> set[str]:
    """The jobs that block keys."""
    found = rig.app.reader.blocked("Step")
    heads = rig.app.reader.records("Step", [key.head for key in found], Place.FAILED)
    return set(map(name_of, heads))


def check(storm: Storm, jobs: int) -> None:
    """All jobs have succeeded, those of each key in order and none beside another, by their own words and by the server's."""
    notes = storm.notes()
    lengths = {key: len(set(ns)) for key, ns in by_key(notes, "begin").items()}
    kept_ones = sum(length for key, length in lengths.items() if key % 2 == 0)
    assert out_of_order(notes, kept(storm.rig, storm.worker)) == []
    assert {key: len(set(ends)) for key, ends in by_key(notes, "end").items()} == lengths
    assert sum(lengths.values()) == jobs
    counts = Counts(enqueued=jobs, completed=jobs - kept_ones, done=kept_ones)
    assert storm.rig.app.queue(storm.worker).counts() == counts
    words = Counter(note.word for note in notes)
    assert words["begin"] - jobs - words["retry"] - words["fail"] <= storm.cut_off
