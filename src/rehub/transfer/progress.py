"""Shows how far a download is, where somebody looks."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Callable, Iterator

from rehub import config

SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def shown(label: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """Gives a function to call with the number of bytes that have come.

    With tqdm installed there is a bar on stderr, when that is a terminal or the user asked for progress; without it
    there are plain lines, only when the user asked.

    Args:
        label: what is downloaded.
        total: its size, when known.
    """
    asked = config.download_progress()
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    if not (asked or on_terminal):
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


@contextlib.contextmanager
def _lines(label: str, total: int | None) -> Iterator[Callable[[int], object]]:
    received = 0
    last = time.monotonic()

    def advance(count: int) -> None:
        nonlocal received, last
        received += count
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            of_total = f" of {_readable(total)}" if total is not None else ""
            _say(f"Downloading {label}: {_readable(received)}{of_total}")

    yield advance
    _say(f"Downloaded {label}: {_readable(received)}")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _readable(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
