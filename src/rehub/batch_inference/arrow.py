"""Import pyarrow, or say what installs it."""

from __future__ import annotations

import functools
import importlib
import platform
import sys
from typing import Any

from rehub.errors import PackageMissing


@functools.lru_cache(maxsize=None)
def import_pyarrow() -> Any:
    """Return the module `pyarrow`, with its submodules `parquet` and `compute` imported."""
    try:
        importlib.import_module("pyarrow.parquet")
        importlib.import_module("pyarrow.compute")
        return importlib.import_module("pyarrow")
    except ImportError as error:
        if sys.version_info < (3, 10):  # For which the extra has no pyarrow.
            raise PackageMissing(
                f"Bulk inference and indexes need Python 3.10 or newer; this is {platform.python_version()}."
            ) from error
        raise PackageMissing(
            f'Parquet files need pyarrow: pip install "rehub[batch]", or "rehub[index]" for vectors ({error})'
        ) from error


def is_arrow(values: Any) -> bool:
    """Return whether a value is an array of Arrow, without importing it."""
    return type(values).__module__.partition(".")[0] == "pyarrow"


def list_texts(values: Any) -> list[str | None]:
    """Return the texts of an Arrow array; bytes that are not UTF-8 become single surrogates.

    Some writers of Parquet do not check texts, and pyarrow fails to convert those that are broken.
    """
    pa = import_pyarrow()
    contents = values.view(pa.large_binary() if pa.types.is_large_string(values.type) else pa.binary()).to_pylist()
    return [None if content is None else content.decode("utf-8", "surrogateescape") for content in contents]
