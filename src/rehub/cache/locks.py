"""Wait for a lock: one download of a model at a time, over threads, processes and machines.

The lock only saves bandwidth. If it cannot be acquired, or its holder is inactive, the download proceeds without it in
a staging directory of its own, and the first process that is done publishes the model.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from pathlib import Path
from typing import Callable, Iterator

from rehub import config
from rehub.cache import file_lock

_log = logging.getLogger(__name__)

_MIN_PAUSE_SECONDS = 0.002
_MAX_PAUSE_SECONDS = 0.1
_SECONDS_BETWEEN_MESSAGES = 30.0
_SECONDS_BEFORE_FIRST_MESSAGE = 0.2


@contextlib.contextmanager
def hold_lock(path: Path, what: str, is_done: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Wait for the lock at `path` and hold it.

    Args:
        path: the lock's file.
        what: what is locked, for messages.
        is_done: called while another process holds the lock; the waiting ends once it returns True.
    """
    lock = _wait_for_lock(path, what, is_done, config.LOCK_TIMEOUT.get())
    if lock is None:
        yield
    else:
        with lock:
            yield


def _wait_for_lock(path: Path, what: str, is_done: Callable[[], bool], timeout: float) -> file_lock.FileLock | None:
    started = last_change = time.monotonic()
    last_message = started - _SECONDS_BETWEEN_MESSAGES + _SECONDS_BEFORE_FIRST_MESSAGE
    last_heartbeat = None
    pause = _MIN_PAUSE_SECONDS
    while True:
        try:
            lock = file_lock.try_acquire(path)
        except OSError as error:
            _log.warning("%s cannot be locked, so other processes may download it at the same time: %s", what, error)
            return None
        if lock is not None or is_done():
            return lock
        # Measured by this process's monotonic clock: other machines' clocks, and clocks that jump, do not matter.
        now = time.monotonic()
        heartbeat = file_lock.read_heartbeat(path)
        if heartbeat != last_heartbeat:
            last_heartbeat, last_change = heartbeat, now
        elif now - last_change > timeout:
            _log.warning(
                "%s: lock holder inactive for %g s (REHUB_LOCK_TIMEOUT): %s; proceeding.",
                *(what, timeout, file_lock.read_holder(path) or "an unknown process"),
            )
            try:
                file_lock.break_stale_lock(path, last_heartbeat)
            except OSError:  # The directory belongs to another user, or the file is open on Windows.
                return None
            last_change = now
        if now - last_message > _SECONDS_BETWEEN_MESSAGES:
            last_message = now
            holder = file_lock.read_holder(path)
            _print_waiting(f"Waiting for {what}: it is downloaded by {holder or 'another process'}.")
        time.sleep(pause)
        pause = min(pause * 2, _MAX_PAUSE_SECONDS)


def _print_waiting(message: str) -> None:
    _log.info(message)
    if sys.stderr is not None and (config.is_progress_requested() or sys.stderr.isatty()):
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - for a person at a terminal
