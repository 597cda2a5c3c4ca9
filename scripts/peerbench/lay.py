"""Copy the peerbench harness to a scratch folder and lay exqueue's adapter in it: `python lay.py HARNESS SCRATCH`.

The adapter installs exqueue from the source tree that EXQUEUE_SOURCE names; by its name, if that is not set.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

ADAPTER = Path(__file__).with_name("exqueue.py")
BY_NAME = 'REQUIRES = ["exqueue", '


def main(harness: Path, scratch: Path) -> None:
    shutil.copytree(harness, scratch, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (scratch, scratch / "adapters"):
        folder.chmod(0o755)  # the harness may be kept where nobody writes
    (scratch / "adapters" / "exqueue.py").write_text(adapter(os.environ.get("EXQUEUE_SOURCE", "")), "utf-8")


def adapter(source: str) -> str:
    text = ADAPTER.read_text("utf-8")
    if not source:
        return text
    return text.replace(BY_NAME, f'REQUIRES = ["-e", {json.dumps(str(Path(source).resolve()))}, ')


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
