"""How many random cases tests try: `REHUB_TEST_EFFORT` is 1 for the full number; without it they try a tenth."""

from __future__ import annotations

import os

EFFORT = float(os.environ.get("REHUB_TEST_EFFORT", "0.1"))


def scaled(count: int) -> int:
    """The number of cases to try where the full number is `count`: at least five, if there are as many."""
    return max(min(count, 5), round(count * EFFORT))
