"""KerasLayer as a layer of Keras 3, on its TensorFlow backend."""

from __future__ import annotations

import contextlib
import logging
import weakref
from typing import Any

from rehub import tf_internals
from rehub.errors import NotTrainable, OutputShapeUnknown, UntrustedModel
from rehub.keras.behaviour import LayerBehaviour, Prepared, prepare
from rehub.keras.keras_in_use import Keras
from rehub.keras.output_shapes import shape_specs
from rehub.keras.weights import PartOfWeights
from rehub.restore import name_in_model, spec_of

_logger = logging.getLogger("rehub")

# One Keras variable for each restored variable, whichever layers use it: otherwise a model that contains two layers
# on one restored object would list, and train, their shared weights twice.
_keras_variables: weakref.WeakValueDictionary[tuple[int, bool], Any] = weakref.WeakValueDictionary()


def make_layer_class(in_use: Keras) -> type:
    """The KerasLayer class for this Keras."""
    keras = in_use.module
    tf = tf_internals.import_tensorflow()

    class KerasLayer(LayerBehaviour, keras.layers.Layer):  # type: ignore[misc, name-defined]
        """See `rehub.KerasLayer`."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            prepared, kwargs = prepare(*args, **kwargs)
            input_shape = kwargs.pop("input_shape", None)
            dtype = kwargs.pop("dtype", None)
            super().__init__(
                trainable=prepared.starts_trainable,
                dtype=_policy(dtype, prepared),
                autocast=False,  # the function's input dtypes are fixed: a cast to float16 first loses digits (P48)
                **kwargs,
            )
            self._prepared = prepared
            self._dtype_argument = None if dtype is None else self.dtype_policy.name
            self._func = prepared.computation.restored  # a TensorFlow trackable: saved with the model, tables included
            if input_shape is not None:
                # Sequential builds itself from its first layer's `input_shape`, with the dtype of that layer;
                # from `Layer(input_shape=)` it would make a float input, also for a layer over strings.
                self.input_shape = (None, *input_shape)
            for variable in _holdable(keras, prepared):
                trained = prepared.weights.is_trained(variable)
                weight = _keras_variable(keras, self.name, variable, trained)
                # Keras saves those that are not trainable after those that are; among the former, all keep their order.
                weight.trainable = False
                self._track_variable(weight)
                prepared.keras_weights.append(weight)
                if trained:
                    prepared.trained_weights.append(weight)
                    weight.trainable = self.trainable
            self.built = True

        @property
        def trainable(self) -> bool:
            """Whether the layer trains the weights that it was made to train."""
            return bool(super().trainable)

        @trainable.setter
        def trainable(self, value: bool) -> None:
            keras.layers.Layer.trainable.fset(self, value)
            for weight in self._prepared.trained_weights if hasattr(self, "_prepared") else ():
                weight.trainable = bool(value)

        @property
        def trainable_weights(self) -> Any:
            """The weights that training changes now."""
            return PartOfWeights(super().trainable_weights, self.weights)

        @property
        def non_trainable_weights(self) -> Any:
            """All other weights."""
            return PartOfWeights(super().non_trainable_weights, self.weights)

        @tf_internals.tracing.no_autograph
        def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(self._as_inputs(inputs), *args, **kwargs)

        @tf_internals.tracing.no_autograph
        def call(self, inputs: Any, training: Any = None) -> Any:
            """Calls the restored function, in training mode if the layer is trainable and the model trains."""
            self._check_trainability()
            result = self._prepared.computation(inputs, training=training if self.trainable else False)
            return self._with_declared_shapes(self._cast_outputs(result))

        def _cast_outputs(self, result: Any) -> Any:
            """A floating dtype or mixed precision policy given as `dtype=` asks for outputs of its compute dtype."""
            if self._dtype_argument is None or "float" not in self.compute_dtype:
                return result
            return tf.nest.map_structure(lambda x: tf.cast(x, self.compute_dtype) if x.dtype.is_floating else x, result)

        def compute_output_spec(self, inputs: Any, training: Any = None) -> Any:
            specs = self._output_specs(self._as_inputs(inputs))
            if specs is None:
                return keras.Operation.compute_output_spec(self, inputs, training=training)  # traces call()
            return tf.nest.map_structure(lambda spec: self._symbolic(spec, self._output_dtype(spec.dtype)), specs)

        def _output_dtype(self, dtype: Any) -> Any:
            casts = self._dtype_argument is not None and "float" in self.compute_dtype and dtype.is_floating
            return tf.as_dtype(self.compute_dtype) if casts else dtype

        def _symbolic(self, spec: Any, dtype: Any) -> Any:
            """The KerasTensor of a spec."""
            if spec.shape.rank is None:
                raise OutputShapeUnknown(
                    f"The rank of an output of {self._prepared.computation.described_as} is not known before it is "
                    "computed. Declare it: hub.KerasLayer(..., output_shape=[...]) without the batch dimension."
                )
            kind: dict[str, Any] = {}
            if isinstance(spec, tf.SparseTensorSpec):
                kind = {"sparse": True}
            if isinstance(spec, tf.RaggedTensorSpec):
                kind = {"ragged_rank": spec.ragged_rank, "row_splits_dtype": spec.row_splits_dtype.name, "ragged": True}
            return keras.KerasTensor(tuple(spec.shape), dtype.name, **kind)

        def compute_output_shape(self, input_shape: Any) -> Any:
            """The shapes of the outputs for inputs of these shapes, as a nest of tuples."""
            shapes = self._output_shapes(input_shape)
            if shapes is None:
                specs = shape_specs(self._prepared.computation, input_shape)
                inputs = tf.nest.map_structure(lambda spec: self._symbolic(spec, spec.dtype), specs)
                return keras.tree.map_structure(lambda x: x.shape, keras.Operation.compute_output_spec(self, inputs))
            return tf.nest.map_structure(lambda shape: None if shape.rank is None else tuple(shape), shapes)

        def _get_own_losses(self) -> Any:
            # Keras 3 forgets what add_loss() was given at each call, and has no losses that are functions; every
            # version asks each layer by this method (keras/src/layers/layer.py, seen in 3.0 to 3.15).
            losses = [loss() if self.trainable else keras.ops.convert_to_tensor(0.0) for loss in self._prepared.losses]
            return [*super()._get_own_losses(), *losses]

        def get_config(self) -> dict[str, Any]:
            """The layer's arguments, as JSON can hold them; `from_config` makes the same layer again."""
            config: dict[str, Any] = super().get_config()
            if self._dtype_argument is None:
                config.pop("dtype", None)
            else:
                config["dtype"] = self._dtype_argument
            config.update(self._own_config())
            if hasattr(self, "input_shape"):
                config["input_shape"] = list(self.input_shape[1:])
            return config

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            """Makes a layer from its config, which loads the model that its handle names.

            Raises:
                UntrustedModel: Keras is loading a file in its safe mode.
            """
            instead = cls._class_given_instead()
            if instead is not None:
                return instead.from_config(config)
            if tf_internals.keras.is_loading_in_safe_mode(keras):
                raise UntrustedModel(untrusted_message(config, keras))
            return cls._from_own_config(config)

    KerasLayer.keras = in_use
    return KerasLayer


def untrusted_message(config: dict[str, Any], keras: Any) -> str:
    """Why Keras' safe mode refuses this layer, and how to allow it."""
    for_all = ", or keras.config.enable_unsafe_deserialization()" if hasattr(keras, "config") else ""
    return (
        f"This file holds a hub.KerasLayer, which loads the SavedModel {config.get('handle')!r}, and a SavedModel is a "
        "program. Keras' safe mode does not load it. If you trust both the file and that model: "
        f"keras.models.load_model(..., safe_mode=False){for_all}."
    )


def _policy(dtype: Any, prepared: Prepared) -> Any:
    """The dtype policy of the layer: what the user said, else the dtype that the function wants as its input.

    A Sequential model that has no Input makes one of its first layer's compute dtype; and no global policy changes
    the dtypes inside a SavedModel (P48).
    """
    if dtype is not None:
        return getattr(dtype, "name", dtype) if not isinstance(dtype, dict) else dtype
    traces = prepared.computation.traces
    spec = spec_of(_only_leaf(traces[0].inputs)) if traces else None
    return spec.dtype.name if spec is not None else None


def _only_leaf(nest: Any) -> Any:
    flat = tf_internals.import_tensorflow().nest.flatten(nest)
    return flat[0] if len(flat) == 1 else None


def _holdable(keras: Any, prepared: Prepared) -> list[Any]:
    """The variables that can be weights of a Keras 3 layer; the others work, and are saved in a SavedModel, without.

    Raises:
        NotTrainable: one of the others should be trained.
    """
    holdable: list[Any] = []
    others: list[Any] = []
    for variable in prepared.weights.in_order:
        known = variable.shape.is_fully_defined() and (
            variable.dtype.is_floating or variable.dtype.is_integer or variable.dtype.is_bool
        )
        (holdable if known else others).append(variable)
    if others:
        named = ", ".join(f"{name_in_model(v)} ({v.dtype.name}, {v.shape})" for v in others)
        message = (
            f"Keras {keras.__version__} has no weights of unknown shape, or of dtypes that are neither float, integer "
            f"nor bool, as these variables of {prepared.computation.described_as} are: {named}"
        )
        if prepared.starts_trainable and any(map(prepared.weights.is_trained, others)):
            raise NotTrainable(f"{message}. Choose others by trainable=[...], or set TF_USE_LEGACY_KERAS=1.")
        _logger.warning("%s. They are not among layer.weights.", message)
    return holdable


def _keras_variable(keras: Any, layer_name: str, variable: Any, trainable: bool) -> Any:
    """A Keras variable whose value is the restored variable itself."""
    known = _keras_variables.get((id(variable), trainable))
    if known is not None:
        return known
    *scopes, name = name_in_model(variable).split("/")
    with contextlib.ExitStack() as stack:
        for scope in (layer_name, *filter(None, scopes)):
            stack.enter_context(keras.name_scope(scope))
        made = keras.Variable(
            initializer=variable, shape=variable.shape, dtype=variable.dtype.name, trainable=trainable, name=name
        )
    _keras_variables[id(variable), trainable] = made
    return made
