"""What `import rehub` imports, each in a fresh process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rehub

HEAVY = {
    "tensorflow",
    "tensorflow_core",
    "keras",
    "tf_keras",
    "numpy",
    "requests",
    "tqdm",
    "pkg_resources",
    "setuptools",
}
PRIVATE = (
    "tensorflow.python",
    "tensorflow.core",
    "tensorflow.compiler",
    "tensorflow_core",
    "keras.src",
    "tf_keras.src",
)


def run_python(code):
    """Run code in a fresh Python with every warning an error; return its output."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_rehub_loads_neither_tensorflow_nor_other_heavy_modules():
    loaded = run_python("import sys, rehub; print(*sorted({name.split('.')[0] for name in sys.modules}))").split()
    assert "rehub" in loaded
    assert HEAVY.isdisjoint(loaded)


def test_star_import_has_every_public_name():
    assert set(run_python("from rehub import *; print(*dir())").split()) >= set(rehub.__all__)


def test_star_import_works_without_tensorflow():
    without = "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'tf_keras'])); "
    assert run_python(without + "from rehub import *; print(KerasLayer.__name__, load.__name__)") == "KerasLayer load"


def test_star_import_loads_no_tensorflow():
    assert run_python("import sys; from rehub import *; print('tensorflow' in sys.modules)") == "False"


def test_unknown_name_is_an_error_that_lists_the_public_names():
    with pytest.raises(AttributeError, match=r"'rehub' has no attribute 'lode'.*load"):
        rehub.lode  # noqa: B018


def test_private_tensorflow_and_keras_names_are_used_in_one_package_only():
    """ruff bans the import statements; this also finds the names in strings given to importlib."""
    source = Path(rehub.__file__).parent
    offenders = {
        f"{path.relative_to(source)}:{node.lineno}"
        for path in source.rglob("*.py")
        if "tf_internals" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        # migrate/code rewrites programs that import private modules, so it has their names as text.
        if isinstance(node, (ast.Import, ast.ImportFrom)) or path.parent != source / "migrate" / "code"
        for name in names_in(node)
        if name.startswith(PRIVATE)
    }
    assert offenders == set()


def names_in(node):
    """The modules that this node imports, or the string that it is."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if type(node).__name__ == "Str":  # what a string literal is before Python 3.8
        return [node.s]
    return []
