"""A program of TF1 on TensorFlow 2: the tests of this directory in a process that disables the behaviour of TF2."""

from __future__ import annotations

from pathlib import Path

import pytest
from forked_programs import run_forked
from saved_models import IS_TF1

HERE = Path(__file__).parent
NEED_EAGER_MODE = ["test_eager.py", "test_module_export.py::test_other_models_are_not_loaded_as_legacy_modules"]

PROGRAM = """
import sys
import pytest
import tensorflow as tf
tf.compat.v1.disable_v2_behavior()
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.skipif(IS_TF1, reason="TensorFlow 1.15 behaves like TensorFlow 1 by default")
def test_legacy_modules_work_with_the_behavior_of_tensorflow_1():
    files = [str(file) for file in sorted(HERE.glob("test_*.py")) if file != Path(__file__)]
    root = HERE.parents[1]
    without = [f"--deselect={(HERE / test).relative_to(root)}" for test in NEED_EAGER_MODE]
    run_forked(PROGRAM, "-q", "-p", "no:cacheprovider", *files, *without, cwd=root)
