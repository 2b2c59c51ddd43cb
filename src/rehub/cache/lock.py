"""Waiting for one's turn: one download at a time of one model, over threads, processes and machines.

Nothing depends on it but bandwidth. Where a lock cannot be had, or its owner shows no sign of life, the download goes
on without it, aside and under a name of its own, and whoever is ready first puts the model in its place.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from typing import TYPE_CHECKING, Callable, Iterator

from rehub import config
from rehub.cache import claim

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

_SHORTEST_PAUSE = 0.002
_LONGEST_PAUSE = 0.1
_SECONDS_BETWEEN_WORDS = 30.0
_SECONDS_UNTIL_WORDS = 0.2


@contextlib.contextmanager
def turn(path: Path, what: str, is_done: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Waits for the lock at `path`, holds it, and gives it up.

    Args:
        path: the lock's file.
        what: what is locked, for the words to those who wait.
        is_done: asked again and again while somebody else has the lock; when it is true there is nothing to wait for.
    """
    held = _wait(path, what, is_done, config.LOCK_TIMEOUT.get())
    if held is None:
        yield
    else:
        with held:
            yield


def _wait(path: Path, what: str, is_done: Callable[[], bool], patience: float) -> claim.Claim | None:
    started = last_change = time.monotonic()
    last_words = started - _SECONDS_BETWEEN_WORDS + _SECONDS_UNTIL_WORDS
    last_pulse = None
    pause = _SHORTEST_PAUSE
    while True:
        try:
            held = claim.try_claim(path)
        except OSError as error:
            _log.warning("%s is not locked against others who download it at the same time: %s", what, error)
            return None
        if held is not None or is_done():
            return held
        # Compared by this process's own watch: neither another machine's clock nor one that jumps matters.
        now = time.monotonic()
        pulse = claim.pulse(path)
        if pulse != last_pulse:
            last_pulse, last_change = pulse, now
        elif now - last_change > patience:
            _log.warning(
                "%s: no sign of life for %g s (REHUB_LOCK_TIMEOUT) from %s. Going on without waiting.",
                *(what, patience, claim.owner_of(path) or "whoever downloads it"),
            )
            try:
                claim.take_over(path, last_pulse)
            except OSError:  # It is in a directory of another user's, or open on Windows.
                return None
            last_change = now
        if now - last_words > _SECONDS_BETWEEN_WORDS:
            last_words = now
            _say(f"Waiting for {what}: {claim.owner_of(path) or 'another process'} downloads it.")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _say(words: str) -> None:
    _log.info(words)
    if sys.stderr is not None and (config.is_progress_requested() or sys.stderr.isatty()):
        print(words, file=sys.stderr, flush=True)  # noqa: T201 - for a person at a terminal
