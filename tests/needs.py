"""Which test files need TensorFlow: those that import it or what comes with it, also through a file of tests/."""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
from pathlib import Path

TESTS = Path(__file__).parent
WITH_TENSORFLOW = {"apache_beam", "keras", "numpy", "tensorflow", "tensorflow_hub", "tf_keras"}
CONSTANTS = (ast.Constant,) if sys.version_info >= (3, 8) else (ast.Str,)
HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None


@functools.lru_cache(maxsize=None)
def needs_tensorflow(path: Path) -> bool:
    """True if the file, or a file of tests/ that it imports, imports TensorFlow somewhere."""
    names = imported_names(path)
    return not names.isdisjoint(WITH_TENSORFLOW) or any(
        needs_tensorflow(file) for name, file in files_of_tests().items() if name in names and file != path
    )


@functools.lru_cache(maxsize=None)
def files_of_tests() -> dict[str, Path]:
    """The modules that tests import from tests/, by name: pytest puts the directory of each test file on the path."""
    return {
        file.stem: file
        for file in TESTS.rglob("*.py")
        if not file.stem.startswith("test_") and file.stem != "conftest" and "data" not in file.parts
    }


def imported_names(path: Path) -> set[str]:
    """The top-level names of all that a file imports, in functions too, and of what it asks pytest.importorskip for."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("importorskip", "import_module"):
            names.update(str(ast.literal_eval(argument)) for argument in node.args[:1] if type(argument) in CONSTANTS)
    return {name.partition(".")[0] for name in names}
