"""The number of the way in which this exqueue writes its data. It rises when an older exqueue could not work with the new way."""

from __future__ import annotations

from typing import Final

SCHEMA: Final = 1
