"""KerasLayer for Keras 3 on its TensorFlow backend."""

from __future__ import annotations

import contextlib
import logging
import weakref
from typing import Any

from rehub import tf_internals
from rehub.errors import NotTrainable, OutputShapeUnknown
from rehub.keras.adapters.base_layer import BaseLayer
from rehub.keras.output_specs import output_specs, shape_specs
from rehub.keras.parts import LayerParts
from rehub.keras.spec import split_arguments
from rehub.keras.weights import PartOfWeights
from rehub.restore import name_in_model, spec_of

_log = logging.getLogger(__name__)

# One Keras variable for each restored variable, whichever layers use it: otherwise a model that contains two layers
# on one restored object would list, and train, their shared weights twice.
_keras_variables: weakref.WeakValueDictionary[tuple[int, bool], Any] = weakref.WeakValueDictionary()


class LayerAdapter(BaseLayer):
    """A `KerasLayer` of Keras 3, without the `Layer` class that follows it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        spec, kwargs = split_arguments(args, kwargs)
        parts = LayerParts(spec)
        input_shape, dtype = kwargs.pop("input_shape", None), kwargs.pop("dtype", None)
        super().__init__(
            trainable=spec.starts_trainable,
            dtype=_choose_dtype_policy(dtype, parts),
            autocast=False,  # The function's input dtypes are fixed: a cast to float16 first would lose digits.
            **kwargs,
        )
        self._parts = parts
        self._dtype_argument = None if dtype is None else self.dtype_policy.name
        self._func = parts.computation.restored  # a TensorFlow trackable: saved with the model, tables included
        if input_shape is not None:
            # Sequential builds itself from its first layer's `input_shape`, with the dtype of that layer;
            # from `Layer(input_shape=)` it would make a float input, also for a layer over strings.
            self.input_shape = (None, *input_shape)
        for variable in _variables_for_keras(self.keras.module, parts):
            self._add_restored_weight(variable)
        self.built = True

    def _add_restored_weight(self, variable: Any) -> None:
        is_trained = self._parts.weights.is_trained(variable)
        weight = _keras_variable(self.keras.module, self.name, variable, is_trained)
        # Tracked as not trainable: Keras saves trainable weights before the others, which keep their order.
        weight.trainable = False
        self._track_variable(weight)
        self._parts.keras_weights.append(weight)
        if is_trained:
            self._parts.trained_weights.append(weight)
            weight.trainable = self.trainable

    @property
    def trainable(self) -> bool:
        """Whether the layer trains the weights that it was made to train."""
        return bool(super().trainable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.keras.module.layers.Layer.trainable.fset(self, value)
        for weight in self._parts.trained_weights if hasattr(self, "_parts") else ():
            weight.trainable = bool(value)

    @property
    def trainable_weights(self) -> Any:
        """The weights that training changes now."""
        return PartOfWeights(super().trainable_weights, self.weights)

    @property
    def non_trainable_weights(self) -> Any:
        """All other weights."""
        return PartOfWeights(super().non_trainable_weights, self.weights)

    def compute_output_spec(self, inputs: Any, training: Any = None) -> Any:
        """Return the outputs for symbolic inputs, as a nest of KerasTensors."""
        parts, converted = self._parts, self._convert_inputs(inputs)
        specs = output_specs(parts.computation, converted, parts.output_shape, training=bool(self.trainable))
        if specs is None:  # Keras traces call().
            return self.keras.module.Operation.compute_output_spec(self, inputs, training=training)
        cast_to = self._output_float_dtype()
        return tf_internals.import_tensorflow().nest.map_structure(
            lambda spec: self._keras_tensor(spec, cast_to if cast_to and spec.dtype.is_floating else spec.dtype.name),
            specs,
        )

    def _keras_tensor(self, spec: Any, dtype: str) -> Any:
        tf = tf_internals.import_tensorflow()
        if spec.shape.rank is None:
            raise OutputShapeUnknown(
                f"The rank of an output of {self._parts.computation.label} is not known before it is "
                "computed. Declare it: hub.KerasLayer(..., output_shape=[...]) without the batch dimension."
            )
        kind: dict[str, Any] = {}
        if isinstance(spec, tf.SparseTensorSpec):
            kind = {"sparse": True}
        if isinstance(spec, tf.RaggedTensorSpec):
            kind = {"ragged_rank": spec.ragged_rank, "row_splits_dtype": spec.row_splits_dtype.name, "ragged": True}
        return self.keras.module.KerasTensor(tuple(spec.shape), dtype, **kind)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the outputs for inputs of these shapes, as a nest of tuples."""
        tf, keras = tf_internals.import_tensorflow(), self.keras.module
        shapes = self._output_shapes(input_shape)
        if shapes is None:
            specs = shape_specs(self._parts.computation, input_shape)
            inputs = tf.nest.map_structure(lambda spec: self._keras_tensor(spec, spec.dtype.name), specs)
            return keras.tree.map_structure(lambda x: x.shape, keras.Operation.compute_output_spec(self, inputs))
        return tf.nest.map_structure(lambda shape: None if shape.rank is None else tuple(shape), shapes)

    def _get_own_losses(self) -> Any:
        # Keras 3 forgets at each call what add_loss() was given, and has no losses that are functions; every version
        # asks each layer by this method (keras/src/layers/layer.py, seen in 3.0 to 3.15).
        zero = self.keras.module.ops.convert_to_tensor
        losses = [loss() if self.trainable else zero(0.0) for loss in self._parts.losses]
        return [*super()._get_own_losses(), *losses]

    def get_config(self) -> dict[str, Any]:
        """Return the layer's arguments, in values that JSON can hold; `from_config` makes the same layer again."""
        config = super().get_config()
        if self._dtype_argument is not None:
            config["dtype"] = self._dtype_argument
        if hasattr(self, "input_shape"):
            config["input_shape"] = list(self.input_shape[1:])
        return config


def _choose_dtype_policy(dtype: Any, parts: LayerParts) -> Any:
    """Return the dtype policy of the layer: the user's, else the dtype of the function's only input.

    A Sequential model without an Input makes one of its first layer's compute dtype. A global policy does not change
    the dtypes inside a SavedModel.
    """
    if dtype is not None:
        return getattr(dtype, "name", dtype) if not isinstance(dtype, dict) else dtype
    traces = parts.computation.traces
    leaves = tf_internals.import_tensorflow().nest.flatten(traces[0].inputs) if traces else []
    spec = spec_of(leaves[0]) if len(leaves) == 1 else None
    return spec.dtype.name if spec is not None else None


def _variables_for_keras(keras: Any, parts: LayerParts) -> list[Any]:
    """Return the variables that can be weights of a Keras 3 layer. The others work too, and are saved in a SavedModel.

    Raises:
        NotTrainable: one of the others should be trained.
    """
    possible: list[Any] = []
    others: list[Any] = []
    for variable in parts.weights.in_order:
        has_keras_dtype = variable.dtype.is_floating or variable.dtype.is_integer or variable.dtype.is_bool
        (possible if variable.shape.is_fully_defined() and has_keras_dtype else others).append(variable)
    if others:
        named = ", ".join(f"{name_in_model(v)} ({v.dtype.name}, {v.shape})" for v in others)
        message = (
            f"A weight of Keras {keras.__version__} needs a known shape, and a float, integer or bool dtype. These "
            f"variables of {parts.computation.label} do not fit: {named}"
        )
        if parts.spec.starts_trainable and any(map(parts.weights.is_trained, others)):
            raise NotTrainable(f"{message}. Choose others by trainable=[...], or set TF_USE_LEGACY_KERAS=1.")
        _log.warning("%s. They are not among layer.weights.", message)
    return possible


def _keras_variable(keras: Any, layer_name: str, variable: Any, trainable: bool) -> Any:
    """Return a Keras variable whose value is the restored variable itself."""
    known = _keras_variables.get((id(variable), trainable))
    if known is not None:
        return known
    *scopes, name = name_in_model(variable).split("/")
    with contextlib.ExitStack() as stack:
        for scope in (layer_name, *filter(None, scopes)):
            stack.enter_context(keras.name_scope(scope))
        wrapper = keras.Variable(
            initializer=variable, shape=variable.shape, dtype=variable.dtype.name, trainable=trainable, name=name
        )
    _keras_variables[id(variable), trainable] = wrapper
    return wrapper
