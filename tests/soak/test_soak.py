"""Under a mixed load with kills nothing is left behind: no key, no field, no file. Sizes are for `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.run import Options, soak
from tests.soak.samples import Sample, growing

pytestmark = pytest.mark.slow


@pytest.mark.timeout(180)
def test_after_a_mixed_load_with_kills_nothing_is_left_behind(tmp_path: Path) -> None:
    result = soak(Options(seconds=12, seed=1, rate=80, kill_every=1.5, sample_every=6), tmp_path)
    wrong = [line for line in result.wrong if "grew by" not in line or "files" in line]
    assert (wrong, result.left, result.kills >= 5, result.enqueued >= 500) == ([], [], True, True)


def test_what_grows_is_found_and_what_wavers_is_not() -> None:
    rows = [Sample(n, 50_000 + n % 3, 40_000, 30_000 + 100 * n, 9_000, n, 9 + n // 50, 7) for n in range(100)]
    assert growing(rows) == ["workers grew by 6900 from 34950", "runner_files grew by 1 from 10"]
