"""pause, resume, max_running, rate: whether jobs may begin, and who is woken when they may again."""

from __future__ import annotations

from exqueue.store.replies import Closed
from tests.conftest import on_servers
from tests.store.kit import Bench


@on_servers
def test_a_process_that_a_job_has_woken_in_vain_leaves_the_bell_for_others(bench: Bench) -> None:
    bench.put("h", priority=1)
    bench.open("s", "t")
    bench.store.pause("q")
    bench.move("s")
    assert bench.store.claim("q", "s", "s/1") == Closed()
    bench.store.resume("q")
    bench.move("t")
    assert (bench.ask("LLEN", bench.keys.processing("t")), bench.take("t").id) == (1, "h")
