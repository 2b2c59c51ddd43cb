"""Import TensorFlow for a command, without its start-up messages on the terminal."""

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

    While it starts, its C++ code writes about oneDNN, CUDA and the CPU to file descriptor 2, partly before it reads
    TF_CPP_MIN_LOG_LEVEL (https://github.com/tensorflow/tensorflow/issues/62075). These messages are discarded, except
    with `-v`, and when TensorFlow fails to start: then they explain why.
    """
    if "tensorflow" in sys.modules or output.get_verbosity() > 0:
        return _import_eager_tensorflow()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _capture_standard_error():
        tf = _import_eager_tensorflow()
        # The first search for a GPU writes messages, too.
        getattr(tf.config, "list_physical_devices", tf.config.experimental.list_physical_devices)()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # It warns of what only rehub can change.
    return tf


def _import_eager_tensorflow() -> Any:
    tf = tf_internals.import_tensorflow()
    if not tf.executing_eagerly():
        # TensorFlow 1.15 needs this before any other call.
        tf.compat.v1.enable_v2_behavior()
    return tf


@contextlib.contextmanager
def _capture_standard_error() -> Iterator[None]:
    """Keep what is written to file descriptor 2; write it there after an exception, else discard it."""
    try:
        real = os.dup(2)
    except OSError:  # The process has no standard error.
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
