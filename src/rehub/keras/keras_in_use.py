"""Which Keras a layer is made for: the one behind `tf.keras`, unless a setting names another.

TensorFlow 1.15 to 2.15 have Keras 2. From 2.16 on `tf.keras` is Keras 3, or `tf_keras` (Keras 2) if
TF_USE_LEGACY_KERAS=1 was set before TensorFlow was imported. A process can use both, but a layer belongs to one.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from types import ModuleType
from typing import Any

from rehub import config, tf_internals
from rehub.errors import KerasMismatch


@dataclasses.dataclass(frozen=True)
class Keras:
    """A Keras that layers can be made for.

    Attributes:
        module: `keras`, `tf_keras` or `tf.keras`.
        package: the Python package that defines its classes.
        version: its version, such as "3.15.1".
    """

    module: ModuleType
    package: str
    version: str

    @property
    def major(self) -> int:
        """2 or 3. The tf.keras of TensorFlow 1.15 (2.2.4-tf) counts as Keras 2."""
        return int(self.version.split(".")[0])

    def __str__(self) -> str:
        name = "tf.keras" if self.package.startswith("tensorflow") else self.package
        return f"{name} {self.version}"


def keras_in_use() -> Keras:
    """Return the Keras that `hub.KerasLayer` makes layers for when it is called now.

    Raises:
        KerasMismatch: Keras 3 runs on a backend other than TensorFlow.
        TensorFlowMissing: TensorFlow is not installed.
    """
    tf = tf_internals.import_tensorflow()
    package = config.keras_package()
    module = importlib.import_module(package) if package else tf.keras
    keras = describe_keras(module)
    if keras.major >= 3 and module.backend.backend() != "tensorflow":
        raise KerasMismatch(
            f"hub.KerasLayer runs TensorFlow graphs, but {keras} uses the {module.backend.backend()!r} backend. "
            "Set KERAS_BACKEND=tensorflow before Keras is imported."
        )
    return keras


def describe_keras(module: Any) -> Keras:
    """Return which Keras a module such as `tf.keras` is, by the package of its Layer class."""
    package = module.layers.Layer.__module__.split(".")[0]
    version = getattr(module, "__version__", None) or sys.modules[package].__version__
    return Keras(module, package, str(version))


def refuse_other_keras(layer_keras: Keras, asking_package: str) -> None:
    """Raise KerasMismatch if code of the other Keras uses a layer that was made for `layer_keras`.

    Args:
        asking_package: top-level package of the code, or of the class, that uses the layer.
    """
    if asking_package not in ("keras", "tf_keras") or asking_package == layer_keras.package:
        return
    other: Any = sys.modules[asking_package]
    remedy = {
        "tf_keras": "set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported, which makes tf_keras the tf.keras; or "
        "REHUB_KERAS=tf_keras for layers alone",
        "keras": "unset TF_USE_LEGACY_KERAS and REHUB_KERAS, which makes Keras 3 the tf.keras",
    }[asking_package]
    raise KerasMismatch(
        f"This hub.KerasLayer is a layer of {layer_keras}, and was used in a model of {asking_package} "
        f"{other.__version__}. Build the whole model with {layer_keras.package}, or {remedy}, and make the layer again."
    )


def refuse_call_of_other_keras(layer_keras: Keras) -> None:
    """Raise KerasMismatch inside a call of a layer or model of the other Keras."""
    for package in ("keras", "tf_keras"):
        if package != layer_keras.package and tf_internals.keras.is_calling(package):
            refuse_other_keras(layer_keras, package)
