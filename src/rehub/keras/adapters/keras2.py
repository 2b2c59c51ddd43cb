"""KerasLayer for Keras 2: `tf.keras` up to TensorFlow 2.15 (and of 1.15), and `tf_keras` for all newer ones."""

from __future__ import annotations

from typing import Any, Callable

from rehub import tf_internals
from rehub.keras.adapters.base_layer import BaseLayer
from rehub.keras.parts import LayerParts
from rehub.keras.spec import split_arguments
from rehub.keras.weights import LayerWeights, PartOfWeights
from rehub.restore import find_variables, name_in_model


class LayerAdapter(BaseLayer):
    """A `KerasLayer` of Keras 2, without the `Layer` class that follows it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        spec, kwargs = split_arguments(args, kwargs)
        parts = LayerParts(spec)
        self._dtype_argument = kwargs.get("dtype")
        kwargs.setdefault("autocast", False)
        super().__init__(trainable=spec.starts_trainable, **kwargs)
        self._parts = parts
        self._func = parts.computation.restored  # a TensorFlow trackable: saved with the model, tables included
        for variable in parts.weights.in_order:
            self._add_restored_weight(variable)
        if tf_internals.v1_graphs.is_building_v1_graph():
            # Other variables, such as a checkpoint's counter, are not weights but are saved with the model too.
            variables = find_variables(self._func)
            tf_internals.keras.initialize_variables(self.keras.module, variables)
        for loss in parts.losses:
            self.add_loss(self._loss_if_trainable(loss))

    def _add_restored_weight(self, variable: Any) -> None:
        # `getter` gives the existing variable where Keras would make one. All are added as not trainable: Keras saves
        # trainable weights before the others, which keep their order.
        self.add_weight(
            name=f"{name_in_model(variable)}:0",
            shape=variable.shape,
            dtype=variable.dtype,
            trainable=False,
            experimental_autocast=False,
            initializer="zeros",  # Not used. Keras of TensorFlow 1.15 has no default for texts.
            getter=lambda *_, **__: variable,
        )

    @property
    def weights(self) -> Any:
        """The restored variables, in an order that does not depend on which are trained, then other weights."""
        restored = self._parts.weights.in_order if hasattr(self, "_parts") else ()
        known = set(map(id, restored))
        others = [*super().trainable_weights, *super().non_trainable_weights]
        return [*restored, *(weight for weight in others if id(weight) not in known)]

    @property
    def trainable_weights(self) -> Any:
        """The weights that training changes now."""
        return self._select_weights(trained=True)

    @property
    def non_trainable_weights(self) -> Any:
        """All other weights."""
        return self._select_weights(trained=False)

    def _select_weights(self, trained: bool) -> PartOfWeights:
        restored = self._parts.weights if hasattr(self, "_parts") else LayerWeights((), ())
        added = {id(weight) for weight in super().trainable_weights} - set(map(id, restored.in_order))
        weights = self.weights
        is_trained = [bool(self.trainable and (restored.is_trained(w) or id(w) in added)) for w in weights]
        return PartOfWeights([weight for weight, now in zip(weights, is_trained) if now is trained], weights)

    def _loss_if_trainable(self, loss: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: loss() if self.trainable else 0.0

    def _training_mode(self, training: Any) -> Any:
        if training is None and self._parts.computation.takes_training and self.trainable:
            training = self.keras.module.backend.learning_phase()
        return super()._training_mode(training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the outputs for inputs of these shapes, as a nest of `tf.TensorShape`."""
        shapes = self._output_shapes(input_shape)
        return super().compute_output_shape(input_shape) if shapes is None else shapes

    @classmethod
    def _is_loading_untrusted(cls) -> bool:
        # Keras 2 has its safe mode on for JSON too, from which tensorflow_hub's users load models. Only files count.
        return super()._is_loading_untrusted() and tf_internals.keras.is_loading_keras_2_file(cls.keras.module)
