"""The class of the layers that `rehub.KerasLayer` makes: an adapter combined with the `Layer` of a Keras.

One process can hold several: TensorFlow 2.15 has Keras 2 twice, as `tf.keras` and as `tf_keras`. So the adapters are
classes without a Keras, and each Keras gets a class of its own.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import Any

from rehub.keras.keras_in_use import Keras, describe_keras, keras_in_use

REGISTERED_NAME = "KerasLayer"  # In the files of Keras, and in those that tensorflow_hub's users have.


def current_layer_class() -> Any:
    """Return the KerasLayer class of the Keras in use."""
    return _layer_class_for(keras_in_use())


def layer_class_of_package(package: str) -> Any:
    """Return the KerasLayer class of `keras` or `tf_keras`; of the Keras in use if that package is not installed."""
    in_use = keras_in_use()
    if package != in_use.package and not package.startswith("tensorflow"):
        with contextlib.suppress(ImportError):
            return _layer_class_for(describe_keras(importlib.import_module(package)))
    return _layer_class_for(in_use)


@functools.lru_cache(maxsize=None)
def _layer_class_for(keras: Keras) -> Any:
    adapter = _import_adapter(keras)
    namespace = {"__doc__": "See `rehub.KerasLayer`.", "__module__": "rehub", "keras": keras}
    layer_class = type("KerasLayer", (adapter, keras.module.layers.Layer), namespace)
    # Keras finds the class by this name in files that rehub or tensorflow_hub saved, without custom_objects=.
    keras.module.utils.get_custom_objects()[REGISTERED_NAME] = layer_class
    return layer_class


def _import_adapter(keras: Keras) -> Any:
    # By name, because the adapters use this module for copies of layers.
    module = "tensorflow" if keras.major >= 3 else "keras2"
    return importlib.import_module(f"rehub.keras.adapters.{module}").LayerAdapter
