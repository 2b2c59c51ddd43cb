"""The package usearch, imported when it is needed."""

from __future__ import annotations

from typing import Any

from rehub.errors import PackageMissing


def import_usearch() -> Any:
    """Return `usearch.index`; raise `PackageMissing` if usearch is not installed."""
    try:
        import usearch.index
    except ImportError as error:
        raise PackageMissing(
            f'An approximate index needs usearch: pip install "rehub[index]", or build it with exact=True ({error})'
        ) from error
    return usearch.index


def usearch_version() -> str:
    """Return the version of the installed usearch, or "" if it is not installed."""
    try:
        import usearch
    except ImportError:
        return ""
    return str(usearch.__version__)
