"""Starts TensorFlow for a command, without its start-up messages on the terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from typing import Any, Iterator

from rehub import tf_internals
from rehub.cli import output


def start_tensorflow() -> Any:
    """Import TensorFlow, have it look for devices, and return its module, in eager mode.

    While it starts, its C++ side writes about oneDNN, CUDA and the CPU to file descriptor 2, partly before
    TF_CPP_MIN_LOG_LEVEL counts (https://github.com/tensorflow/tensorflow/issues/62075). That is thrown away unless the
    command was given `-v`, or TensorFlow fails to start: then it is what explains the failure.
    """
    if "tensorflow" in sys.modules or output.verbosity() > 0:
        return _eager_tensorflow()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _standard_error_held_back():
        tf = _eager_tensorflow()
        # The first look for a GPU writes, too.
        getattr(tf.config, "list_physical_devices", tf.config.experimental.list_physical_devices)()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # What it deprecates is not the user's to change.
    return tf


def _eager_tensorflow() -> Any:
    tf = tf_internals.import_tensorflow()
    if not tf.executing_eagerly():
        # TensorFlow 1.15, where a program has to ask for it, before anything else.
        tf.compat.v1.enable_v2_behavior()
    return tf


@contextlib.contextmanager
def _standard_error_held_back() -> Iterator[None]:
    """Keep what is written to file descriptor 2; write it there after an exception, and throw it away otherwise."""
    try:
        real = os.dup(2)
    except OSError:  # A program without a standard error has no terminal to spare.
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(real, 2)
            kept.seek(0)
            os.write(2, kept.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
