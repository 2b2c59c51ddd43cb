"""Names are known by their imports."""

from __future__ import annotations

import ast

import pytest

from rehub.migrate.code.imported_names import ImportedNames


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import tensorflow_hub as hub\nhub.Module", ["tensorflow_hub.Module"]),
        ("from tensorflow_hub import Module as M\nM", ["tensorflow_hub.Module"]),
        ("import rehub as hub\nhub.load", ["tensorflow_hub.load"]),
        ("import tensorflow.compat.v1 as tf\ntf.train.Saver", ["tensorflow.train.Saver"]),
        ("import tensorflow as tf\ntf.compat.v1.Session", ["tensorflow.Session"]),
        ("from tensorflow.compat import v1 as tf\ntf.Session", ["tensorflow.Session"]),
        ("import tensorflow.keras.backend as K\nK.get_session", ["tensorflow.keras.backend.get_session"]),
        ("import tensorflow as tf\nslim = tf.contrib.slim\nslim.conv2d", ["tensorflow.contrib.slim"] * 1),
        ("import paddlehub as hub\nhub.Module", ["paddlehub.Module"]),
        ("hub = load()\nhub.Module", []),
        (
            "try:\n  import tensorflow_hub as hub\nexcept ImportError:\n  hub = None\nhub.Module",
            ["tensorflow_hub.Module"],
        ),
        ("import tensorflow_hub as hub\ndef f(hub):\n  hub.Module", []),
        ("def f():\n  import tensorflow_hub as hub\ndef g():\n  hub.Module", []),
        ("def f():\n  import tensorflow_hub as hub\n  return lambda: hub.Module", ["tensorflow_hub.Module"]),
        (
            "class C:\n  import tensorflow_hub as hub\n  hub.Module\n  def f(self):\n    hub.Module",
            ["tensorflow_hub.Module"],
        ),
        ("from . import hub\nhub.Module", []),
    ],
)
def test_uses_of_imported_names(source, names):
    found = [name for name, _ in ImportedNames(ast.parse(source)).uses]
    assert found[: len(names)] == names
    assert names or not found


def test_an_alias_of_an_alias_is_followed():
    names = ImportedNames(ast.parse("import tensorflow as tf\nc = tf.contrib\ns = c.slim\ns.conv2d"))
    assert "tensorflow.contrib.slim.conv2d" in [name for name, _ in names.uses]
