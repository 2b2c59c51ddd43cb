"""Examples for TensorFlows other than the newest, with which `nox -s examples` runs the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from forked_programs import run_forked
from saved_models import tf

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.skipif(not hasattr(tf.compat.v1, "estimator"), reason="TensorFlow 2.16 and newer come without Estimator")
def test_the_estimator_of_the_example_learns_and_exports_its_module():
    output = run_forked(EXAMPLES / "legacy" / "estimator.py")
    assert "accuracy 1.00 after 500 steps" in output
    assert "the exported module, loaded" in output
