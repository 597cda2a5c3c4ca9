"""Which queues a runner serves: those of its workers, or those it was told to."""

from __future__ import annotations

import pytest

from exqueue import Worker
from exqueue.app import Exqueue
from exqueue.model.errors import ConfigError
from exqueue.model.job import Counts
from exqueue.model.worker import WorkerSpec
from exqueue.runtime.caretaker import Caretaker, Identity
from exqueue.runtime.posts import check_queues, posts
from exqueue.store.reads import Reader
from tests.runtime.rig import Rig

A, B = WorkerSpec("jobs:A", "A", 2, 3), WorkerSpec("jobs:B", "B", 1, 3)

SAY = """
class Say(Worker):
    processes = 2
    def perform(self, *words):
        say(self.job.queue, *words)
class Other(Say):
    processes = 1
"""


def served(wanted: tuple[str, ...], *known: str) -> list[tuple[str, str, int]]:
    return [(spec.short, spec.queue, spec.processes) for spec in posts((A, B), wanted, known)]


def test_without_a_word_each_worker_serves_its_own_queue() -> None:
    assert served((), "x") == [("A", "A", 2), ("B", "B", 1)]


def test_a_queue_that_is_named_is_served_by_all_workers_whether_it_exists_or_not() -> None:
    assert served(("x",), "A", "B") == [("A", "x", 2), ("B", "x", 1)]


@pytest.mark.parametrize(
    ("pattern", "fitting"),
    [("*", ["a", "eu.1", "eu.2"]), ("eu.*", ["eu.1", "eu.2"]), ("*.2", ["eu.2"]), ("e*1", ["eu.1"]), ("us*", [])],
)
def test_a_pattern_stands_for_the_queues_that_fit_it(pattern: str, fitting: list[str]) -> None:
    assert [queue for short, queue, _ in served((pattern,), "a", "eu.1", "eu.2") if short == "A"] == fitting


def test_a_queue_that_is_named_and_fits_is_served_once() -> None:
    assert served(("eu.1", "eu.*", "*"), "eu.1") == [("A", "eu.1", 2), ("B", "eu.1", 1)]


def test_names_that_no_queue_can_have_are_not_served() -> None:
    assert served(("*",), "a{b}", "\ufffd", "", "-x", "\x1b[2J") == []


@pytest.mark.parametrize("name", ["", "a b", "a?", "[ab]", "-x", "x" * 201])
def test_what_is_no_queue_and_no_pattern_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^--queue .*: use the name of a queue, or a part of it with \* for the rest$"):
        check_queues((name,), (A,))


def test_workers_that_will_share_queues_must_agree_on_limits() -> None:
    limited = WorkerSpec("jobs:C", "C", 1, 3, "5 0 0")
    check_queues((), (A, limited))
    with pytest.raises(ConfigError, match=r"A and C share the queue 'eu\.\*'; give both the same max_running and rate"):
        check_queues(("eu.*",), (A, limited))


def test_queues_are_not_idle_while_the_last_job_of_one_hands_over_to_another_that_was_seen_idle(app: Exqueue) -> None:
    class Say(Worker):
        def perform(self) -> None: ...

    class HandsOver(Reader):
        def unfinished(self, queue: str) -> int:
            if queue == "B":
                app.enqueue(Say.options(queue="A"))
            return super().unfinished(queue)

    me = Identity("r", "host", 1, 1)
    assert Caretaker(app.store, app.reader, me, (A, B), 30).idle()
    assert not Caretaker(app.store, HandsOver(app.channel, app.settings.namespace), me, (A, B), 30).idle()


@pytest.mark.slow
def test_a_runner_serves_the_queues_it_was_told_to_instead_of_its_own(rig: Rig) -> None:
    rig.workers(SAY)
    put(rig, "Say", "eu", "us", None)
    rig.burst("--queue", "eu", "--queue", "new")
    assert (rig.said, [queue.name for queue in rig.app.queues()]) == (["eu Say"], ["Say", "eu", "new", "us"])


@pytest.mark.slow
def test_each_queue_has_its_processes_of_each_worker(rig: Rig) -> None:
    rig.workers(SAY)
    put(rig, "Say", "eu.1", "eu.2")
    rig.start("--queue", "eu.*", "--processes", "Say=3")
    rig.until(lambda: [len(rig.pids(queue)) for queue in ("eu.1", "eu.2")] == [4, 4])
    assert sorted(slot.worker for slot in rig.app.reader.slots("eu.1")) == ["jobs:Other", "jobs:Say", "jobs:Say", "jobs:Say"]


@pytest.mark.slow
def test_a_queue_that_comes_to_exist_is_served(rig: Rig) -> None:
    rig.workers(SAY)
    runner = rig.start("--queue", "eu.*")
    rig.until(lambda: "for no queue yet" in rig.log)
    put(rig, "Say", "eu.1", "us.1")
    rig.until(lambda: rig.said == ["eu.1 Say"])
    put(rig, "Other", "eu.2", "us.1")
    rig.until(lambda: rig.said == ["eu.1 Say", "eu.2 Other"])
    rig.stop(runner)
    assert (rig.log.count("serves eu."), rig.app.queue("us.1").counts()) == (2, Counts(pending=2, enqueued=2))


@pytest.mark.slow
def test_a_burst_goes_on_in_the_queues_that_its_last_jobs_found(rig: Rig) -> None:
    rig.workers("""
class Walk(Worker):
    def perform(self, n):
        say(self.job.queue)
        if n:
            import exqueue
            app = exqueue.Exqueue(os.environ["URL"], namespace=os.environ["SPACE"])
            app.enqueue(Walk.options(queue=f"q{n - 1}"), n - 1)
""")
    put(rig, "Walk", "q3", words="3")
    settings = rig.app.settings
    assert rig.start("--queue", "q*", "--burst", URL=settings.url, SPACE=settings.namespace).wait(60) == 0
    assert rig.said == ["q3", "q2", "q1", "q0"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--queue", "a b"], "--queue 'a b': use the name of a queue, or a part of it with * for the rest"),
        (["--queue", "eu"], "Free and Few share the queue 'eu'; give both the same max_running and rate"),
    ],
)
def test_a_runner_refuses_queues_that_it_cannot_serve_so(rig: Rig, words: list[str], said: str) -> None:
    rig.workers("class Free(Worker):\n    def perform(self): ...\nclass Few(Free):\n    max_running = 2\n")
    assert (rig.start(*words).wait(30), rig.log.splitlines()[-1]) == (2, f"exqueue: {said}")


def put(rig: Rig, worker: str, *queues: str | None, words: str = "'{worker}'") -> None:
    """Enqueue a job of this worker to each of these queues; None is the worker's own."""
    rig.client("".join(f"app.enqueue(jobs.{worker}.options(queue={queue!r}), {words.format(worker=worker)})\n" for queue in queues))
