"""Has a model's files read on this machine, also where its variables lie on others.

TensorFlow reads the values of a variable on the machine that holds it, such as a parameter server or a TPU's host,
which does not see the files of this one. `LoadOptions(experimental_io_device=...)` has them read elsewhere.
"""

from __future__ import annotations

import copy
from typing import Any

from rehub.restore.remote_directories import is_local


def read_here(tf: Any, path: str, options: Any | None) -> Any | None:
    """Returns the options by which TensorFlow reads a directory on this machine; those given, where they will do.

    They will do in a program that is connected to no other machine, for a model in an object store, which all machines
    see, for options that name a device themselves, and in TensorFlow 1.15, which has none.

    Args:
        path: the model's directory.
        options: the user's `tf.saved_model.LoadOptions`, or None. They are not changed.
    """
    load_options = getattr(tf.saved_model, "LoadOptions", None)
    if load_options is None or not is_local(path):
        return options
    if options is not None and options.experimental_io_device is not None:
        return options
    # In a graph of TF1, a session reads the files: it brings its cluster itself.
    with tf.init_scope():
        if not tf.executing_eagerly() or not _is_connected(tf):
            return options
        here = _this_machine(tf)
    options = load_options() if options is None else copy.copy(options)
    options.experimental_io_device = here
    return options


def _is_connected(tf: Any) -> bool:
    """Whether the program has devices of other machines. Only then do the names of devices tell a job."""
    return any("/job:" in device.name for device in tf.config.list_logical_devices())


def _this_machine(tf: Any) -> str:
    """The name of this machine's CPU: its job is `localhost`, or what the cluster calls it, such as `chief`."""
    with tf.device(None), tf.device("CPU:0"):
        return str(tf.identity(0).device)
