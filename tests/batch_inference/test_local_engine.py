"""The engine of one machine, with several processes."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed here")

from killing import kill_worker_and_driver
from saved_models import IS_TF1

pytestmark = [
    pytest.mark.skipif(IS_TF1, reason="bulk inference needs TF2"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


def test_killed_worker_and_killed_driver_cost_no_row(tmp_path):
    assert kill_worker_and_driver(tmp_path, "local") == {}
