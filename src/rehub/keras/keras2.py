"""KerasLayer as a layer of Keras 2: `tf.keras` up to TensorFlow 2.15 (and of 1.15), and `tf_keras` from then on."""

from __future__ import annotations

from typing import Any, Callable

from rehub import tf_internals
from rehub.errors import UntrustedModel
from rehub.keras.behaviour import LayerBehaviour, prepare
from rehub.keras.keras3 import untrusted_message
from rehub.keras.keras_in_use import Keras
from rehub.keras.weights import PartOfWeights, Weights
from rehub.restore import name_in_model, variables_within


def make_layer_class(in_use: Keras) -> type:
    """The KerasLayer class for this Keras."""
    keras = in_use.module
    tf = tf_internals.import_tensorflow()

    class KerasLayer(LayerBehaviour, keras.layers.Layer):  # type: ignore[misc, name-defined]
        """See `rehub.KerasLayer`."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            prepared, kwargs = prepare(*args, **kwargs)
            self._casts_outputs = kwargs.get("dtype") is not None
            kwargs.setdefault("autocast", False)
            super().__init__(trainable=prepared.starts_trainable, **kwargs)
            self._prepared = prepared
            self._func = prepared.computation.restored  # a TensorFlow trackable: saved with the model, tables included
            for variable in prepared.weights.in_order:
                self._add_restored_weight(variable)
            if tf_internals.v1_graphs.is_building_v1_graph():
                # A counter of checkpoints, say, is no weight, and is saved with the model all the same.
                tf_internals.keras.initialize_variables(keras, variables_within(tf, self._func))
            for loss in prepared.losses:
                self.add_loss(self._loss_if_trainable(loss))

        def _add_restored_weight(self, variable: Any) -> None:
            """Registers a variable that exists; `getter` stands in for making one.

            Keras saves those that are trainable before those that are not; among the latter, all keep their order.
            """
            self.add_weight(
                name=f"{name_in_model(variable)}:0",
                shape=variable.shape,
                dtype=variable.dtype,
                trainable=False,
                experimental_autocast=False,
                getter=lambda *_, **__: variable,
            )

        @property
        def weights(self) -> Any:
            """The restored variables, in an order that does not depend on which are trained, then other weights."""
            restored = self._prepared.weights.in_order if hasattr(self, "_prepared") else ()
            known = set(map(id, restored))
            others = [*super().trainable_weights, *super().non_trainable_weights]
            return [*restored, *(weight for weight in others if id(weight) not in known)]

        @property
        def trainable_weights(self) -> Any:
            """The weights that training changes now."""
            return PartOfWeights(*self._weights_by(lambda is_trained: is_trained))

        @property
        def non_trainable_weights(self) -> Any:
            """All other weights."""
            return PartOfWeights(*self._weights_by(lambda is_trained: not is_trained))

        def _weights_by(self, wanted: Callable[[bool], bool]) -> tuple[list[Any], list[Any]]:
            """The weights that are trained or not, as wanted, and all of them."""
            chosen = self._prepared.weights if hasattr(self, "_prepared") else Weights((), ())
            restored = set(map(id, chosen.in_order))
            others = {id(weight) for weight in super().trainable_weights} - restored
            weights = self.weights
            trained = (self.trainable and (chosen.is_trained(each) or id(each) in others) for each in weights)
            return [weight for weight, is_trained in zip(weights, trained) if wanted(is_trained)], weights

        def _loss_if_trainable(self, loss: Callable[[], Any]) -> Callable[[], Any]:
            return lambda: loss() if self.trainable else 0.0

        @tf_internals.tracing.no_autograph
        def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(self._as_inputs(inputs), *args, **kwargs)

        @tf_internals.tracing.no_autograph
        def call(self, inputs: Any, training: Any = None) -> Any:
            """Calls the restored function, in training mode if the layer is trainable and the model trains."""
            self._check_trainability()
            if training is None and self._prepared.computation.takes_training and self.trainable:
                training = keras.backend.learning_phase()
            result = self._prepared.computation(inputs, training=training if self.trainable else False)
            return self._with_declared_shapes(self._cast_outputs(result))

        def _cast_outputs(self, result: Any) -> Any:
            """A floating dtype or mixed precision policy given as `dtype=` asks for outputs of its compute dtype."""
            compute_dtype = getattr(self, "_compute_dtype", None)
            if not self._casts_outputs or "float" not in str(compute_dtype):
                return result
            return tf.nest.map_structure(lambda x: tf.cast(x, compute_dtype) if x.dtype.is_floating else x, result)

        def compute_output_shape(self, input_shape: Any) -> Any:
            """The shapes of the outputs for inputs of these shapes, as a nest of `tf.TensorShape`."""
            shapes = self._output_shapes(input_shape)
            return super().compute_output_shape(input_shape) if shapes is None else shapes

        def get_config(self) -> dict[str, Any]:
            """The layer's arguments, as JSON can hold them; `from_config` makes the same layer again."""
            config = super().get_config()
            if not self._casts_outputs:
                config.pop("dtype", None)
            config.update(self._own_config())
            return config  # type: ignore[no-any-return]

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            """Makes a layer from its config, which loads the model that its handle names.

            Raises:
                UntrustedModel: Keras is loading a file in its safe mode.
            """
            instead = cls._class_given_instead()
            if instead is not None:
                return instead.from_config(config)
            # tensorflow_hub's users load models from JSON, which Keras 2 does in its safe mode too; what asks for
            # trust is a file from elsewhere.
            if tf_internals.keras.is_loading_in_safe_mode(keras) and tf_internals.keras.is_loading_keras_2_file(keras):
                raise UntrustedModel(untrusted_message(config, keras))
            return cls._from_own_config(config)

    KerasLayer.keras = in_use
    return KerasLayer
