"""Keeps Python's garbage collector from looking through the whole program while a model is loaded.

A model is many objects that all stay, so that the collector finds it is time to look at everything there is: with
TensorFlow imported, 0.15 s, and nothing to be found.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from typing import Iterator

_LOCK = threading.Lock()
_paused = 0  # How many threads want it so.
_was_enabled = False
_imports_are_old = False


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Has nothing collected until the end.

    When that is so for the first time, all that is there by then counts as old, without a look at it: after
    TensorFlow's import, the collector would be about to have one. It stays off where the program has it off, and what
    the program has frozen stays frozen.
    """
    global _paused, _was_enabled, _imports_are_old  # noqa: PLW0603  The collector is one for all threads.
    with _LOCK:
        if not _paused:
            _was_enabled = gc.isenabled()
            gc.disable()
        _paused += 1
    try:
        yield
    finally:
        with _LOCK:
            _paused -= 1
            if not _paused and _was_enabled:
                if not _imports_are_old and not gc.get_freeze_count():
                    gc.freeze()
                    gc.unfreeze()
                _imports_are_old = True
                gc.enable()
