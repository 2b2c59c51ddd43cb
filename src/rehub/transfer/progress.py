"""Shows how far a download, or another long work, is, where somebody looks."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Callable, Iterable, Iterator, TypeVar

from rehub import config
from rehub.formatting import format_size

SECONDS_BETWEEN_LINES = 10.0

_T = TypeVar("_T")
_is_hidden = False


@contextlib.contextmanager
def hide_progress(hide: bool = True) -> Iterator[None]:
    """Show no progress within a `with`, whatever the settings say."""
    global _is_hidden  # noqa: PLW0603  It is about the one stderr of the process.
    before, _is_hidden = _is_hidden, hide or _is_hidden
    try:
        yield
    finally:
        _is_hidden = before


def track_steps(label: str, steps: Iterable[_T], total: int, unit: str) -> Iterator[_T]:
    """Yield the steps of a long work, and show on a terminal how many are done. Without tqdm nothing is shown.

    Args:
        label: what is done, such as "Comparing".
        steps: the parts of the work.
        total: how many there are.
        unit: what a step is, such as "signature".
    """
    bar = None
    if total and not _is_hidden and _somebody_looks():
        with contextlib.suppress(ImportError):
            from tqdm import tqdm

            bar = tqdm(desc=label, total=total, unit=f" {unit}", file=sys.stderr, leave=False)
    try:
        for step in steps:
            yield step
            if bar is not None:
                bar.update()
    finally:
        if bar is not None:
            bar.close()


@contextlib.contextmanager
def track_bytes(label: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """Gives a function to call with the number of bytes that have come.

    With tqdm installed there is a bar on stderr, when that is a terminal, in a notebook, or when the user asked for
    progress; without it there are plain lines, only when the user asked.

    Args:
        label: what is downloaded.
        total: its size, when known.
    """
    asked = config.is_progress_requested()
    if _is_hidden or not (asked or _somebody_looks()):
        yield lambda _: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        if asked:
            with _lines(label, total) as advance:
                yield advance
        else:
            yield lambda _: None
        return
    with tqdm(desc=label, total=total, unit="B", unit_scale=True, file=sys.stderr) as bar:
        yield bar.update


def _somebody_looks() -> bool:
    """Whether stderr is a terminal, or is shown below a notebook's cell."""
    if sys.stderr is None:
        return False
    # A program that runs in IPython has imported it, and a kernel is what a notebook talks to.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return sys.stderr.isatty() or getattr(shell, "kernel", None) is not None


@contextlib.contextmanager
def _lines(label: str, total: int | None) -> Iterator[Callable[[int], object]]:
    received = 0
    last = time.monotonic()

    def advance(count: int) -> None:
        nonlocal received, last
        received += count
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            of_total = f" of {format_size(total)}" if total is not None else ""
            _say(f"Downloading {label}: {format_size(received)}{of_total}")

    yield advance
    _say(f"Downloaded {label}: {format_size(received)}")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
