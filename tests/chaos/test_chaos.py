"""Everything is killed, frozen and cut off while jobs run: none is lost, none out of order, no two of a key at once.

The same for longer, and with more of it: `make chaos`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.chaos.faults import KINDS
from tests.chaos.run import chaos
from tests.chaos.world import Options
from tests.store.servers import binary

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[2] / "scripts" / "chaos.py"


@pytest.mark.timeout(300)
def test_on_one_host_nothing_is_lost_out_of_order_or_at_once_whatever_is_killed_or_frozen() -> None:
    binary("redis")
    words = ["--seed", "4", "--seconds", "12", "--jobs", "2500", "--faults", str(len(KINDS))]
    ran = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True)
    rows = {what: int(count) for count, _, what in (line.strip().partition(" ") for line in ran.stdout.splitlines()) if count.isdecimal()}
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {kind: rows.get(kind) for kind in KINDS} == dict.fromkeys(KINDS, 1)
    assert rows["accepted"] >= 2500
    assert rows["poison pills in failed"] == 2


@pytest.mark.timeout(300)
def test_of_two_hosts_one_takes_over_what_the_other_leaves_and_nothing_is_lost_or_out_of_order() -> None:
    with tempfile.TemporaryDirectory(prefix="exq") as directory:  # not tmp_path: the path of a socket must be short
        options = Options(seed=5, seconds=10, jobs=1000, faults=len(KINDS), server="valkey", fsync="always", hosts=2, lease=1.0)
        result = chaos(options, Path(directory))
    assert result.is_good, result.violations
    assert result.faults.total() == len(KINDS)
    assert result.rows["accepted"] >= 1000
