"""`hub.session_config`: the configuration of a TF1 session whose variables are on parameter servers."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.errors import InvalidSetting


def session_config(config: Any | None = None) -> Any:
    """Return a session configuration with which functions of restored models can use variables on other machines.

        with tf.compat.v1.Session(server.target, config=hub.session_config()) as session:
            ...
        run_config = tf.estimator.RunConfig(session_config=hub.session_config())

    Use it for `hub.load` and `hub.KerasLayer` in a TF1 graph with parameter servers. Without it a session fails with
    "Assigned device ... does not match any device". It sets `share_cluster_devices_in_session`, which is an
    experimental setting in TensorFlow up to 2.1.

    Args:
        config: a `tf.compat.v1.ConfigProto` with other settings, which is copied, not changed.

    Returns:
        A new `tf.compat.v1.ConfigProto`.

    Raises:
        InvalidSetting: `config` is something else.
    """
    config_class = tf_internals.import_tensorflow().compat.v1.ConfigProto
    shared = config_class()
    if config is not None:
        if not isinstance(config, config_class):
            raise InvalidSetting(f"config= takes a tf.compat.v1.ConfigProto. Received: {config!r}")
        shared.CopyFrom(config)
    setting = "share_cluster_devices_in_session"
    holder = shared if setting in shared.DESCRIPTOR.fields_by_name else shared.experimental
    setattr(holder, setting, True)
    return shared
