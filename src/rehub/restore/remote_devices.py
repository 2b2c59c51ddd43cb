"""Explain the failure of a restored function whose variables are on other machines, such as parameter servers.

A function runs on one machine. To use variables of another machine it needs access to that machine's devices, which a
session of TF1 shares only if its configuration says so.
"""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.errors import SharedDevicesRequired
from rehub.restore.tensorflow_errors import make_joint_error


def explain_remote_devices(label: str) -> None:
    """Let sessions of the current TF1 graph raise a clear error if a model's functions cannot use its variables.

    Call it after the model was restored. It does nothing in eager mode, and if no variable of the graph is on another
    machine.
    """
    tf = tf_internals.import_tensorflow()
    with tf.init_scope():
        if tf.executing_eagerly():
            return
        graph = tf.compat.v1.get_default_graph()
    if any(op.type == "VarHandleOp" and _is_remote(op.device) for op in graph.get_operations()):
        tf_internals.v1_graphs.explain_session_errors(graph, lambda error: _explain_error(label, error))


def _is_remote(device: str) -> bool:
    return "/job:" in device and "/job:localhost" not in device


def _explain_error(label: str, error: Any) -> Exception | None:
    if "does not match any device" not in error.message:
        return None
    message = (
        f"A function of {label!r} needs variables on other machines, and the session does not share their devices with "
        "it. Make a session that shares them:\n"
        "    tf.compat.v1.Session(target, config=hub.session_config())\n"
        "and an Estimator with:\n"
        "    tf.estimator.RunConfig(session_config=hub.session_config())\n"
        f"TensorFlow's message: {error.message}"
    )
    return make_joint_error(SharedDevicesRequired, [type(error)], message)
