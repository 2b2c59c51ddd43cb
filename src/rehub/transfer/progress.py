"""Show the progress of downloads and other long work on a terminal or in a notebook."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any, Callable, ContextManager, Iterable, Iterator, TypeVar

from rehub import config
from rehub.formatting import format_size

SECONDS_BETWEEN_LINES = 10.0

_T = TypeVar("_T")
_is_hidden = False


@contextlib.contextmanager
def hide_progress(hide: bool = True) -> Iterator[None]:
    """Show no progress within a `with`, even if the settings request it."""
    global _is_hidden  # noqa: PLW0603 - it is about the one stderr of the process
    before, _is_hidden = _is_hidden, hide or _is_hidden
    try:
        yield
    finally:
        _is_hidden = before


def track_steps(label: str, steps: Iterable[_T], total: int, unit: str) -> Iterator[_T]:
    """Yield the steps of long work, with a progress bar on a terminal if tqdm is installed.

    Args:
        label: the work, such as "Comparing".
        steps: its parts.
        total: how many there are.
        unit: the name of a step, such as "signature".
    """
    with _show_bar(desc=label, total=total, unit=f" {unit}", leave=False) as advance:
        for step in steps:
            yield step
            advance(1)


def track_counts(label: str, total: int, done: int, unit: str) -> ContextManager[Callable[[int], object]]:
    """Give a function to call with each number of steps done, which a bar shows on a terminal if tqdm is installed.

    Args:
        label: the work, such as "Predicting".
        total: how many steps there are.
        done: how many of them were done before.
        unit: the name of a step, such as "row".
    """
    return _show_bar(desc=label, total=total, initial=done, unit=f" {unit}")


def track_bytes(label: str, total: int | None) -> ContextManager[Callable[[int], object]]:
    """Give a function to call with the number of bytes received.

    With tqdm there is a bar on stderr if that is a terminal or a notebook, or if the user requests progress. Without
    tqdm there are plain lines, only on request.

    Args:
        label: what is downloaded.
        total: its size, if known.
    """
    requested = config.is_progress_requested()
    if requested and not _is_hidden and _import_tqdm() is None:
        return _print_lines(label, total)
    return _show_bar(requested, desc=label, total=total, unit="B", unit_scale=True)


@contextlib.contextmanager
def _show_bar(is_requested: bool = False, **settings: Any) -> Iterator[Callable[[int], object]]:
    """Give a function to call with each number of steps done. A bar shows them if that is possible and of use."""
    is_shown = not _is_hidden and settings["total"] != 0 and (is_requested or _is_watched())
    tqdm = _import_tqdm() if is_shown else None
    if tqdm is None:
        yield lambda _: None
    else:
        with tqdm(file=sys.stderr, **settings) as bar:
            yield bar.update


def _import_tqdm() -> Any:
    """Return the class of tqdm's bars; None if it is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def _is_watched() -> bool:
    """Return whether stderr is a terminal or the output of a notebook."""
    if sys.stderr is None:
        return False
    # A program that runs in IPython has imported it. Notebooks talk to a kernel.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return sys.stderr.isatty() or getattr(shell, "kernel", None) is not None


@contextlib.contextmanager
def _print_lines(label: str, total: int | None) -> Iterator[Callable[[int], object]]:
    received = 0
    last = time.monotonic()

    def advance(count: int) -> None:
        nonlocal received, last
        received += count
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            of_total = f" of {format_size(total)}" if total is not None else ""
            _print_line(f"Downloading {label}: {format_size(received)}{of_total}")

    yield advance
    _print_line(f"Downloaded {label}: {format_size(received)}")


def _print_line(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
