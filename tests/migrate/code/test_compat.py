"""`--to compat`: imports of tensorflow.compat.v1, and TF2's behavior off."""

from __future__ import annotations

import pytest

from rehub.migrate.code.compat import move_to_compat

DISABLE = "\ntf.disable_v2_behavior()\n"
USE = "tf.placeholder(tf.string)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"import tensorflow as tf\n{USE}", f"import tensorflow.compat.v1 as tf\n\ntf.disable_v2_behavior()\n\n{USE}"),
        (
            f"import tensorflow as tf, numpy\nimport os\n\n\n{USE}",
            f"import tensorflow.compat.v1 as tf, numpy\nimport os\n\ntf.disable_v2_behavior()\n\n\n{USE}",
        ),
        (
            "import tensorflow\ntensorflow.Session()\n",
            "import tensorflow.compat.v1 as tensorflow\n\ntensorflow.disable_v2_behavior()\n\ntensorflow.Session()\n",
        ),
        (
            f"import tensorflow as tf\nfrom tensorflow.train import Saver\n\n{USE}",
            f"import tensorflow.compat.v1 as tf\nfrom tensorflow.compat.v1.train import Saver\n{DISABLE}\n{USE}",
        ),
        (
            f"import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\n{USE}",
            f"import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\n{USE}",
        ),
        (
            f"import tensorflow as tf\ntf.enable_eager_execution()\n{USE}",
            f"import tensorflow.compat.v1 as tf\ntf.enable_eager_execution()\n{USE}",
        ),
        (
            '"é"; import tensorflow as tf; tf.Session()',
            '"é"; import tensorflow.compat.v1 as tf; tf.Session()\n\ntf.disable_v2_behavior()\n',
        ),
        (
            f"import tensorflow.compat.v1 as tf\nimport tensorflow.keras.backend as K\n\n{USE}",
            f"import tensorflow.compat.v1 as tf\nimport tensorflow.compat.v1.keras.backend as K\n{DISABLE}\n{USE}",
        ),
        ("import tensorflow as tf\ntf.constant(1)\n", "import tensorflow as tf\ntf.constant(1)\n"),
    ],
)  # fmt: skip
def test_imports_change(before, after):
    assert move_to_compat(before)[0] == after
    assert move_to_compat(after)[0] == after


def test_a_program_that_imports_tensorflow_in_a_function_has_to_turn_v2_behavior_off():
    source, findings = move_to_compat("def f():\n    import tensorflow as tf\n    tf.Session()\n")
    assert source == "def f():\n    import tensorflow.compat.v1 as tf\n    tf.Session()\n"
    assert [(finding.kind, finding.is_applied) for finding in findings] == [("a", True), ("c", False)]
    assert "where the program starts" in findings[1].message


@pytest.mark.parametrize(
    ("use", "needed"),
    [
        ("tf.layers.dense(x, 2)", "TF_USE_LEGACY_KERAS=1"),
        ("tf.keras.layers.Dense(2)", "TF_USE_LEGACY_KERAS=1"),
        ("tf.estimator.Estimator(f)", "2.15"),
        ("from keras.layers import Dense", "tensorflow.compat.v1.keras"),
    ],
)
def test_what_a_name_needs_is_said_once(use, needed):
    _, findings = move_to_compat(f"import tensorflow as tf\n{USE}{use}\n{use}\n")
    notes = [finding for finding in findings if finding.kind == "note"]
    assert len(notes) == 1
    assert needed in notes[0].message
    assert notes[0].line == 3
