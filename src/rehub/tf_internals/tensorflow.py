"""TensorFlow itself: import it, compare its version, silence its log messages."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import re
import sys
import threading
from typing import Any, Callable, Iterator

from rehub.errors import TensorFlowMissing

OLDEST_TENSORFLOW = (1, 15)
_first_import: list[Callable[[], object]] = []


def set_first_import(start: Callable[[], object]) -> None:
    """Have a function import TensorFlow when rehub first needs it; at once if it is imported already.

    Args:
        start: it calls `import_tensorflow`.
    """
    if "tensorflow" in sys.modules:
        start()
    else:
        _first_import[:] = [start]


@functools.lru_cache(maxsize=None)
def import_tensorflow() -> Any:
    """Import TensorFlow, and return its module.

    Raises:
        TensorFlowMissing: it is not installed, or older than 1.15; says what to install.
    """
    if _first_import:
        _first_import.pop()()
    try:
        tf = importlib.import_module("tensorflow")
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] != "tensorflow":
            raise  # TensorFlow is installed, but something that it needs is missing: its own message is better.
        raise TensorFlowMissing(
            "Loading a model needs TensorFlow, which is not installed here. rehub never installs it by itself, as "
            "there are several builds to choose from: pip install tensorflow (or tensorflow-cpu, ...)."
        ) from error
    version = getattr(tf, "__version__", None)
    if version is None:
        raise TensorFlowMissing(
            f"Loading a model needs TensorFlow, but what Python imports as `tensorflow` ({tf!r}) is another "
            "module: it has no __version__. If that is a folder of your own, rename it; then: pip install tensorflow."
        )
    if parse_version(version) < OLDEST_TENSORFLOW:
        raise TensorFlowMissing(
            f"rehub needs TensorFlow 1.15 or newer, found {version}: pip install --upgrade tensorflow."
        )
    return tf


def tensorflow_version() -> tuple[int, int]:
    """Return the first two numbers of the installed TensorFlow's version."""
    return parse_version(import_tensorflow().__version__)


def parse_version(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version; zeros if it has none, so that it counts as old.

    >>> parse_version("2.15.0-rc1"), parse_version("")
    ((2, 15), (0, 0))
    """
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return (int(numbers.group(1)), int(numbers.group(2))) if numbers else (0, 0)


class _DeprecationWarnings:
    """TensorFlow's switch for logging deprecations: off while any thread suppresses them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._suppressions = 0
        self._were_shown = True

    @contextlib.contextmanager
    def suppress(self) -> Iterator[None]:
        from tensorflow.python.util import deprecation  # Seen in 1.15, 2.15, 2.21.

        with self._lock:
            if self._suppressions == 0:
                self._were_shown = deprecation._PRINT_DEPRECATION_WARNINGS
            self._suppressions += 1
            deprecation._PRINT_DEPRECATION_WARNINGS = False
        try:
            yield
        finally:
            with self._lock:
                self._suppressions -= 1
                if self._suppressions == 0:
                    deprecation._PRINT_DEPRECATION_WARNINGS = self._were_shown


_DEPRECATION_WARNINGS = _DeprecationWarnings()


@contextlib.contextmanager
def suppress_deprecations_and_infos() -> Iterator[None]:
    """Keep TensorFlow from logging deprecations, and at INFO what this thread does.

    TensorFlow logs each deprecation once. Those suppressed here do not count: they are logged if other code causes them
    later. TensorFlow's own `deprecation.silence` stays on for good if an exception leaves it.
    """
    thread = threading.get_ident()

    def is_shown(record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or record.thread != thread

    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl")]
    for logger in loggers:
        logger.addFilter(is_shown)
    try:
        with _DEPRECATION_WARNINGS.suppress():
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_shown)
