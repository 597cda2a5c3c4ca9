"""What follows a job, and what stands around it, in real processes: chains, middleware, callbacks, results, progress."""

from __future__ import annotations

from collections import Counter

import pytest

from exqueue.model.codec import decode_result
from exqueue.model.job import Counts, Progress
from exqueue.model.lifecycle import Place
from tests.runtime.rig import Rig
from tests.runtime.storm import Storm

pytestmark = pytest.mark.slow

BOOKS = """
class Order(Worker):
    processes = 4
    max_crashes = 1000
    def perform(self, n):
        say("order", n)
        time.sleep(0.002)

class Mail(Worker):
    processes = 2
    def perform(self, n):
        say("mail", n)
"""

# kill -9 of its own process where a named method would be called the first time. Only worker processes import it.
BOMB = """
import {module}
def arm(owner, name):
    real = getattr(owner, name)
    def explode(*args, **kwargs):
        if not os.path.exists("bang"):
            open("bang", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    setattr(owner, name, explode)
arm({module}{owner}, "{name}")
"""


def test_what_follows_a_job_runs_exactly_once_in_its_own_queue_however_often_the_job_itself_runs(rig: Rig) -> None:
    storm = Storm(rig, "Order", BOOKS)
    rig.client("for n in range(400): app.enqueue(jobs.Order.options(then=[jobs.Mail.options(queue='outgoing').call(n)]), n)")
    storm.begin()
    rig.start("--queue", "out*", target="jobs:Mail")
    storm.rage(20, 3, 400)
    rig.until(lambda: rig.app.queue("outgoing").counts() == Counts(enqueued=400, completed=400))
    said = Counter(rig.said)
    assert {n: said[f"mail {n}"] for n in range(400)} == dict.fromkeys(range(400), 1)
    assert sum(said[f"order {n}"] > 1 for n in range(400)) > 0
    rig.until(lambda: rig.app.reader.outbox("Order") == {})
    assert rig.app.queue("Order").counts() == Counts(enqueued=400, completed=400)


@pytest.mark.parametrize(
    ("module", "owner", "name", "said"),
    [
        ("exqueue.store.steps", ".Store", "complete", ["order 0", "order 0", "mail 0"]),
        ("exqueue.runtime.work", "", "deliver", ["order 0", "mail 0"]),
        ("exqueue.store.care", ".CareSteps", "deliver", ["order 0", "mail 0"]),
    ],
    ids=["before it has completed", "before what follows is enqueued", "before what follows is struck off"],
)
def test_killed_at_its_end_a_job_is_followed_once(rig: Rig, module: str, owner: str, name: str, said: list[str]) -> None:
    rig.workers(BOOKS + BOMB.format(module=module, owner=owner, name=name))
    rig.client("app.enqueue(jobs.Order.options(then=[jobs.Mail.options(queue='outgoing').call(0)]), 0)")
    assert rig.start("--burst", "--queue", "*").wait(60) == 0
    assert (rig.said, (rig.directory / "bang").exists()) == (said, True)
    assert [rig.app.queue(queue).counts() for queue in ("Order", "outgoing")] == [Counts(enqueued=1, completed=1)] * 2


def test_a_job_that_fails_for_good_is_followed_by_none_until_it_is_requeued_and_succeeds(rig: Rig) -> None:
    rig.workers(BOOKS.replace('say("order", n)', 'say("order", n)\n        assert os.path.exists("mended")') + "Order.max_retries = 0\n")
    rig.client("app.enqueue(jobs.Order.options(then=[jobs.Mail.options(queue='outgoing').call(0)]), 0)")
    rig.burst("--queue", "*")
    assert (rig.said, [queue.name for queue in rig.app.queues()]) == (["order 0"], ["Order"])
    (rig.directory / "mended").touch()
    rig.app.failed().requeue()
    rig.burst("--queue", "*")
    assert rig.said == ["order 0", "order 0", "mail 0"]


AROUND = """
def outer(job, call_next):
    say("outer", job.attempt)
    try:
        return ["outer", *call_next()]
    finally:
        say("outer ends")

def inner(job, call_next):
    say("inner", job.key)
    return ["inner", *call_next()]

class Task(Worker):
    middleware = (outer, inner)
    max_retries = 1
    backoff = constant(0.01)
    def perform(self, fails):
        say("perform")
        if fails:
            raise ValueError("no")
        return ["result"]
    def after_success(self, result):
        say("success", *result)
        self.end()
    def after_error(self, error):
        say("error", error.attempt, error.message)
    def after_failure(self, error):
        say("failure", error.attempt, error.message)
        self.end()
    def end(self): ...
"""
TRY = ["inner None", "perform", "outer ends"]


def test_middleware_stands_around_each_attempt_and_the_callbacks_behind_it(rig: Rig) -> None:
    rig.workers(AROUND)
    rig.client("app.enqueue(jobs.Task, True)")
    rig.burst()
    assert rig.said == ["outer 1", *TRY, "error 1 no", "outer 2", *TRY, "failure 2 no"]


@pytest.mark.parametrize(("fails", "said"), [(False, "success outer inner result"), (True, "failure 2 no")])
def test_a_process_that_is_killed_in_its_last_callback_neither_runs_the_job_nor_calls_it_again(rig: Rig, fails: bool, said: str) -> None:
    rig.workers(AROUND.replace("def end(self): ...", "def end(self): os.kill(os.getpid(), signal.SIGKILL)"))
    rig.client(f"app.enqueue(jobs.Task, {fails}); app.enqueue(jobs.Task, {fails})")
    rig.burst()
    first = ["outer 1", *TRY]
    assert Counter(rig.said) == Counter((first if not fails else [*first, "error 1 no", "outer 2", *TRY]) * 2 + [said] * 2)
    counts = Counts(enqueued=2, failed=2) if fails else Counts(enqueued=2, completed=2)
    assert rig.app.queue("Task").counts() == counts


def test_how_far_a_job_is_can_be_seen_while_it_runs_and_its_result_until_it_was_kept_long_enough(rig: Rig) -> None:
    rig.workers("""
class Count(Worker):
    keep_result = 3600
    def perform(self, pages):
        self.job.progress(0.4, "page 4 of 10")
        gate()
        return {"pages": pages}
""")
    job_id = rig.client("print(app.enqueue(jobs.Count, 10).id)").strip()
    runner, job = rig.start(), rig.app.queue("Count").find
    rig.until(lambda: (found := job(job_id)) and found.record().note)
    note = rig.app.job(job_id).record().note
    assert note == Progress(0.4, "page 4 of 10", note.when if note else 0)
    rig.open_gate()
    rig.until(lambda: rig.app.job(job_id).state() is Place.DONE)
    assert decode_result(job_id, rig.app.reader.result("Count", job_id) or b"") == {"pages": 10}
    rig.app.channel.ask([("ZADD", rig.app.store.keys("Count")["done"], 1, job_id)])  # as if the hour were over
    rig.until(lambda: job(job_id) is None)
    assert (rig.app.queue("Count").counts(), rig.stop(runner)) == (Counts(enqueued=1, completed=1), 0)
