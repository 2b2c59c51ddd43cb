"""What a KerasLayer does in every Keras. An adapter adds what its Keras does in its own way."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Iterator

from rehub import tf_internals
from rehub.errors import UntrustedModel
from rehub.keras.copies import CopyableLayer
from rehub.keras.jit import can_compile
from rehub.keras.keras_in_use import Keras, refuse_call_of_other_keras, refuse_other_keras
from rehub.keras.layer_class import REGISTERED_NAME
from rehub.keras.output_specs import ensure_declared_shapes, output_shapes
from rehub.keras.parts import LayerParts, layer_of_config

if TYPE_CHECKING:
    _Layer: Any
else:
    _Layer = object  # `layer_class` puts the Layer class of a Keras after this one.


class BaseLayer(CopyableLayer, _Layer):  # type: ignore[misc]
    """The part of a `KerasLayer` that all Keras share."""

    keras: Keras
    trainable: bool
    _parts: LayerParts
    _dtype_argument: Any  # None if the layer was made without `dtype=`.

    @property
    def resolved_object(self) -> Any:
        """The object that the handle resolved to: the result of `hub.load`, or the object given as the handle."""
        return self._parts.computation.restored

    @property
    def supports_jit(self) -> bool:
        """Whether XLA can compile the layer; False for strings, tables, loops and ops that XLA lacks."""
        if self._parts.supports_jit is None:  # Reads the whole graph.
            self._parts.supports_jit = can_compile(self._parts.computation.traces)
        return self._parts.supports_jit

    @supports_jit.setter
    def supports_jit(self, value: bool) -> None:
        # Keras sets True in its own __init__, before it can know: only a later value is the user's.
        if "_parts" in vars(self):
            self._parts.supports_jit = value

    @property
    def _keras_history(self) -> Any:
        # Sequential of either Keras reads this attribute of each layer before it looks at the layer's class: the only
        # place to refuse a layer of the other Keras with a helpful message.
        caller = sys._getframe(1)  # noqa: SLF001  (CPython's way to find the caller)
        refuse_other_keras(self.keras, caller.f_globals.get("__name__", "").split(".")[0])
        raise AttributeError("_keras_history")

    @tf_internals.tracing.no_autograph
    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the layer, as you call every layer of Keras."""
        return super().__call__(self._convert_inputs(inputs), *args, **kwargs)

    @tf_internals.tracing.no_autograph
    def call(self, inputs: Any, training: Any = None) -> Any:
        """Call the restored function, in training mode if the layer is trainable and the model is being trained."""
        if self.trainable:
            self._parts.check_trainable()
        result = self._parts.computation(inputs, training=self._training_mode(training))
        result = self._cast_outputs(result)
        if self._parts.output_shape is None:
            return result
        return ensure_declared_shapes(result, self._parts.output_shape, self._parts.computation.label)

    def _training_mode(self, training: Any) -> Any:
        return training if self.trainable else False

    def _convert_inputs(self, inputs: Any) -> Any:
        """Return the inputs of `__call__` as tensors.

        Raises:
            KerasMismatch: a symbolic tensor or a model of the other Keras, which would not see the layer's weights.
        """
        refuse_call_of_other_keras(self.keras)
        if isinstance(inputs, tf_internals.import_tensorflow().Tensor):  # by far the most frequent case
            return inputs
        for leaf in _iter_leaves(inputs):
            if type(leaf).__name__ == "KerasTensor":
                refuse_other_keras(self.keras, type(leaf).__module__.split(".")[0])
        return self._parts.computation.as_tensors(inputs)

    def _cast_outputs(self, result: Any) -> Any:
        tf, dtype = tf_internals.import_tensorflow(), self._output_float_dtype()
        if dtype is None:
            return result
        return tf.nest.map_structure(lambda x: tf.cast(x, dtype) if x.dtype.is_floating else x, result)

    def _output_float_dtype(self) -> str | None:
        """Return the dtype that floating outputs are cast to: that of a floating `dtype=` or mixed precision policy."""
        if self._dtype_argument is None:
            return None
        # The tf.keras of 1.15 has no public `compute_dtype`.
        dtype = str(getattr(self, "compute_dtype", None) or self._compute_dtype)
        return dtype if "float" in dtype else None

    def _output_shapes(self, input_shape: Any) -> Any:
        parts = self._parts
        return output_shapes(parts.computation, input_shape, parts.output_shape, training=bool(self.trainable))

    def get_config(self) -> dict[str, Any]:
        """Return the layer's arguments, in values that JSON can hold; `from_config` makes the same layer again."""
        config: dict[str, Any] = super().get_config()
        if self._dtype_argument is None:
            config.pop("dtype", None)
        config.update(self._parts.config(bool(self.trainable)))
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer from its config, which loads the model that its handle names.

        Raises:
            UntrustedModel: Keras is loading a file in its safe mode.
        """
        given = cls._class_given_by_caller()
        if given is not None:
            return given.from_config(config)
        if cls._is_loading_untrusted():
            raise UntrustedModel(_untrusted_message(config, cls.keras.module))
        with layer_of_config(config) as (arguments, frozen):
            layer = cls(**arguments)
        if frozen:
            layer.trainable = False
        return layer

    @classmethod
    def _class_given_by_caller(cls) -> Any:
        """Return the class that the caller of Keras gave for this one under its registered name; None if none."""
        if cls.keras.module.utils.get_custom_objects().get(REGISTERED_NAME) is not cls:
            return None
        for given in tf_internals.keras.iter_custom_objects(REGISTERED_NAME):
            # `rehub.KerasLayer` means the class of the Keras in use.
            if given is not cls and isinstance(given, type) and given.__module__ != "rehub.keras.layer":
                return given
        return None

    @classmethod
    def _is_loading_untrusted(cls) -> bool:
        return tf_internals.keras.is_loading_in_safe_mode(cls.keras.module)


def _untrusted_message(config: dict[str, Any], keras: Any) -> str:
    for_all = ", or keras.config.enable_unsafe_deserialization()" if hasattr(keras, "config") else ""
    return (
        f"This file holds a hub.KerasLayer, which loads the SavedModel {config.get('handle')!r}, and a SavedModel is a "
        "program. Keras' safe mode does not load it. If you trust both the file and that model: "
        f"keras.models.load_model(..., safe_mode=False){for_all}."
    )


def _iter_leaves(nest: Any) -> Iterator[Any]:
    if isinstance(nest, dict):
        nest = list(nest.values())
    if isinstance(nest, (list, tuple)):
        for item in nest:
            yield from _iter_leaves(item)
    else:
        yield nest
