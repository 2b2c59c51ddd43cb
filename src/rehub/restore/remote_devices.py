"""Explains the failure of a restored function whose variables lie on other machines, such as parameter servers.

A function runs on one machine. To take variables of another one it has to see that one's devices, which a session of
TF1 shares with it only if its configuration says so.
"""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.errors import SharedDevicesRequired
from rehub.restore.tensorflow_errors import as_tensorflow_error


def explain_remote_devices(tf: Any, handle: str) -> None:
    """Lets sessions of the current graph of TF1 explain it when they cannot bring a model's variables to its functions.

    To be called when the model has been restored. It does nothing in eager mode, and where no variable of the graph is
    on another machine.

    Args:
        handle: what the user typed, for the message.
    """
    with tf.init_scope():
        if tf.executing_eagerly():
            return
        graph = tf.compat.v1.get_default_graph()
    if any(op.type == "VarHandleOp" and _is_remote(op.device) for op in graph.get_operations()):
        tf_internals.v1_graphs.explain_session_errors(graph, lambda error: _explained(handle, error))


def _is_remote(device: str) -> bool:
    return "/job:" in device and "/job:localhost" not in device


def _explained(handle: str, error: Any) -> Exception | None:
    if "does not match any device" not in error.message:
        return None
    message = (
        f"A function of {handle!r} needs variables that lie on other machines, and the session does not share their "
        "devices with it. Make the session with them shared:\n"
        "    tf.compat.v1.Session(target, config=hub.session_config())\n"
        "and an Estimator so:\n"
        "    tf.estimator.RunConfig(session_config=hub.session_config())\n"
        f"TensorFlow's message: {error.message}"
    )
    return as_tensorflow_error(SharedDevicesRequired, type(error), message)
