"""Read a model's files on this machine, also if its variables are on others.

TensorFlow reads the values of a variable on the machine that holds it, such as a parameter server or a TPU's host,
which does not see the files of this one. `LoadOptions(experimental_io_device=...)` names another machine to read them.
"""

from __future__ import annotations

import copy
from typing import Any

from rehub import tf_internals
from rehub.restore.remote_directories import is_local


def with_local_io(path: str, options: Any | None) -> Any | None:
    """Return the options by which TensorFlow reads a directory on this machine.

    The given options are enough in a program that is not connected to other machines, for a model in an object store,
    which all machines see, for options that name a device themselves, and in TensorFlow 1.15, which has none.

    Args:
        options: the user's `tf.saved_model.LoadOptions`, or None. They are not changed.
    """
    tf = tf_internals.import_tensorflow()
    load_options = getattr(tf.saved_model, "LoadOptions", None)
    if load_options is None or not is_local(path):
        return options
    if options is not None and options.experimental_io_device is not None:
        return options
    # In a graph of TF1, a session reads the files, and brings its own cluster.
    with tf.init_scope():
        if not tf.executing_eagerly() or not _is_connected():
            return options
        here = _local_device()
    options = load_options() if options is None else copy.copy(options)
    options.experimental_io_device = here
    return options


def _is_connected() -> bool:
    """Whether the program has devices of other machines. Only then do the names of devices have a job."""
    devices = tf_internals.import_tensorflow().config.list_logical_devices()
    return any("/job:" in device.name for device in devices)


def _local_device() -> str:
    """Return the name of this machine's CPU. Its job is `localhost`, or its name in the cluster, such as `chief`."""
    tf = tf_internals.import_tensorflow()
    with tf.device(None), tf.device("CPU:0"):
        return str(tf.identity(0).device)
