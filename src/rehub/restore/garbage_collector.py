"""Pause Python's garbage collector while a model is loaded.

A model is many objects that all stay, so their creation triggers full collections: with TensorFlow imported, one takes
0.15 s, and finds nothing.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from typing import Iterator

_LOCK = threading.Lock()
_pauses = 0  # How many threads have paused it.
_was_enabled = False
_imports_are_old = False


@contextlib.contextmanager
def pause_collection() -> Iterator[None]:
    """Collect nothing inside the context.

    At the end of the first pause, all existing objects are marked as old without being collected: after TensorFlow's
    import, a full collection would be due. If the program has disabled the collector, it stays disabled, and objects
    that the program has frozen stay frozen.
    """
    global _pauses, _was_enabled, _imports_are_old  # noqa: PLW0603  The collector is one for all threads.
    with _LOCK:
        if not _pauses:
            _was_enabled = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _LOCK:
            _pauses -= 1
            if not _pauses and _was_enabled:
                if not _imports_are_old and not gc.get_freeze_count():
                    gc.freeze()
                    gc.unfreeze()
                _imports_are_old = True
                gc.enable()
