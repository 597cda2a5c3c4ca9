"""`exqueue shell`: IPython with what a person needs who looks after jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from exqueue.app import Exqueue
from exqueue.cli import shell
from exqueue.client.jobs import Job
from tests.cli.kit import RAW, Hands, Result, Terminal, places, run

pytest.importorskip("IPython")

SHOP = """
from exqueue import Worker

class Add(Worker):
    def perform(self, a): pass

class Pay(Worker):
    def perform(self): pass
"""
BANNER = """\
exqueue shell, <Exqueue {namespace} at {url}>
  Add: 1 pending, 0 waiting, 1 delayed, 1 processing, 2 failed
  Mail: 0 pending, 0 waiting, 0 delayed, 0 processing, 1 failed
failed              the failed jobs; failed[0].requeue(), failed[0].errors, failed.filter(error='Timeout').requeue()
queues['NAME']      .counts(), .failed(); app.job(ID) finds a job wherever it is
workers: Add, Pay; enqueue(Add, ...)
"""


@pytest.fixture
def shop(app: Exqueue, hands: Hands, tmp_path: Path) -> Hands:
    """A module of workers in the directory, and jobs in every place of two queues."""
    (tmp_path / "shop.py").write_text(SHOP)
    hands.fail("f1", "f2")
    hands.put("r1", "p1")
    hands.claim()
    hands.put("d1", delay=10**8)
    Hands(app, "Mail").fail("m1")
    return hands


def told(app: Exqueue, tmp_path: Path, *lines: str) -> Result:
    """What IPython answers to these lines."""
    return run(*_words(app), "shop", cwd=tmp_path, env=_home(tmp_path), text="\n".join([*lines, "exit", ""]))


@pytest.mark.slow
def test_the_banner_counts_the_jobs_and_says_what_to_type(app: Exqueue, shop: Hands, tmp_path: Path) -> None:
    done = told(app, tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(BANNER.format(namespace=app.settings.namespace, url=app.settings.url)), done.out


@pytest.mark.slow
def test_a_failed_job_is_requeued(app: Exqueue, shop: Hands, tmp_path: Path) -> None:
    done = told(app, tmp_path, "failed[0].requeue()")
    assert (done.code, done.err) == (0, "")
    assert places(app) == {
        "Add failed": ["f2"], "Add pending": ["p1", "f1"], "Add processing": ["r1"], "Add delayed": ["d1"], "Mail failed": ["m1"],
    }  # fmt: skip


def test_the_workers_are_names_to_enqueue_with(app: Exqueue, shop: Hands, tmp_path: Path) -> None:
    done = told(
        app, tmp_path, "job = enqueue(Add.options(id='typed'), 7); print(Pay.__name__, job.state(), queues['Mail'].counts().failed)"
    )
    assert "Pay pending 1\n" in done.out
    assert app.job("typed").record().header.args == "7"


@pytest.mark.slow
def test_what_is_looked_at_is_readable(app: Exqueue, shop: Hands, tmp_path: Path) -> None:
    shown = told(app, tmp_path, "failed", "queues['Mail']").out
    assert (
        "3 failed job(s)\n<Job f1 of Add, failed: (1, b=2)>\n<Job f2 of Add, failed: (1, b=2)>\n<Job m1 of Mail, failed: (1, b=2)>\n"
        in shown
    )
    assert "<Queue Mail: Counts(pending=0, delayed=0, waiting=0, processing=0, failed=1, done=0, enqueued=1" in shown


@pytest.mark.slow
def test_a_mistake_leaves_the_shell_open(app: Exqueue, shop: Hands, tmp_path: Path) -> None:
    shown = told(app, tmp_path, "app.job('p1').requeue()", "print('still', 'here')").out
    assert "cannot requeue job p1: it is pending; it will run by itself; cancel removes it" in shown
    assert "still here\n" in shown


@pytest.mark.slow
def test_it_works_at_a_terminal(app: Exqueue, shop: Hands, tmp_path: Path) -> None:
    terminal = Terminal(*_words(app), "shop", cwd=tmp_path, env=_home(tmp_path))
    terminal.until("Add: 1 pending, 0 waiting, 1 delayed, 1 processing, 2 failed")
    terminal.until("In [")
    terminal.type("failed[0].requeue()\r")
    terminal.type("exit\r")
    assert terminal.end() == 0
    assert places(app)["Add pending"] == ["p1", "f1"]


def test_without_modules_there_are_no_workers(app: Exqueue, shop: Hands) -> None:
    assert sorted(shell.namespace(app, [])) == ["app", "call", "enqueue", "failed", "queues"]


def test_a_queue_of_any_name_does_not_steer_the_terminal(app: Exqueue, hands: Hands) -> None:
    app.store.announce("\x1b[2J\u202e\r\nforged")
    names = shell.namespace(app, [])
    shown = shell.banner(app, names) + repr(names["queues"]) + "".join(repr(queue) for queue in names["queues"].values())
    assert (RAW.findall(shown), [line for line in shown.splitlines() if line.startswith("forged")]) == ([], [])


def test_a_job_of_any_queue_does_not_steer_the_terminal(app: Exqueue) -> None:
    evil = Hands(app, "\x1b[2J\u202e\r\nforged")
    evil.fail("X")
    evil.put("Y")
    shown = repr(app.failed()) + repr(app.job("Y")) + repr(app.failed()[0]) + repr(Job(app.store, app.reader, evil.queue, "Y"))
    app.failed().delete()
    app.job("Y").cancel()
    assert (RAW.findall(shown), shown.count("\nforged")) == ([], 0)


def test_without_ipython_one_line_says_what_to_install(app: Exqueue, tmp_path: Path) -> None:
    (tmp_path / "IPython").mkdir()
    (tmp_path / "IPython" / "__init__.py").write_text("raise ImportError('no module IPython here')")
    done = run(*_words(app), cwd=tmp_path)
    assert done.refusal == (2, "", "exqueue: the shell needs IPython: pip install 'exqueue[shell]'")


def _words(app: Exqueue) -> list[str]:
    return ["--url", app.settings.url, "--namespace", app.settings.namespace, "shell"]


def _home(tmp_path: Path) -> dict[str, str]:
    """No settings or history of whoever runs the tests; and a path as the `exqueue` script has it, without this directory."""
    return {"IPYTHONDIR": str(tmp_path / "ipython"), "HOME": str(tmp_path), "PYTHONSAFEPATH": "1"}
