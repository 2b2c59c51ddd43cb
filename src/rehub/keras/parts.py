"""What a layer is made of, without any Keras: its computation, its weights, its losses, and its config."""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import re
from typing import Any, Iterator

from rehub.errors import NotSerializable, NotTrainable
from rehub.keras.computation import Computation
from rehub.keras.copies import config_is_for_copy
from rehub.keras.output_specs import shapes_from, shapes_to_config
from rehub.keras.spec import LayerSpec
from rehub.keras.weights import find_weights, selection_config
from rehub.optimize import is_optimized

_log = logging.getLogger(__name__)

_CAPTURED = "captured_weights"
# Whether a layer that is made now shows the variables that its function captures as its weights.
_shows_captured: contextvars.ContextVar[bool] = contextvars.ContextVar("shows_captured", default=True)


class LayerParts:
    """The parts of one layer, in one opaque object, so that no Keras wraps or tracks what is inside.

    Attributes:
        losses: its regularization losses, if the layer adds them.
        output_shape: the declared shapes, a nest of `tf.TensorShape`; None if none were declared.
        keras_weights: in Keras 3, its variables around those of the model.
        trained_weights: those of `keras_weights` that are trained.
        supports_jit: whether XLA can compile the layer; None before the layer is asked.
    """

    def __init__(self, spec: LayerSpec) -> None:
        self.spec = spec
        self.computation = Computation(spec)
        self.weights = find_weights(
            self.computation.weights_owner(),
            self.computation.function,
            spec.trainable,
            self.computation.label,
            captured=_shows_captured.get(),
        )
        self.losses = self.computation.regularization_losses() if spec.regularization_losses else ()
        self.output_shape = shapes_from(spec.output_shape) if spec.output_shape else None
        self.keras_weights: list[Any] = []
        self.trained_weights: list[Any] = []
        self._warned_no_weights = False
        self._warned_no_training_mode = False
        self.supports_jit: bool | None = None

    def check_trainable(self) -> None:
        """Check that a layer with `trainable=True` can be trained, and warn once if nothing or little is trained.

        Raises:
            NotTrainable: the model cannot be trained here.
        """
        computation = self.computation
        if is_optimized(computation.restored):
            raise NotTrainable(
                f'hub.KerasLayer.trainable = True: {computation.label} was loaded with optimize="inference", '
                "which turned its variables into constants. To train it, load it without optimize."
            )
        if computation.is_legacy and not computation.is_trainable:
            raise NotTrainable(
                "Setting hub.KerasLayer.trainable = True is unsupported when loading from the TF1 Hub format here: "
                f"{computation.label} is a legacy module. In eager mode of TensorFlow 2 it can be trained; in a "
                f"graph of TF1, hub.Module({computation.label}, trainable=True) trains it."
            )
        if not computation.is_trainable:
            raise NotTrainable(
                "Setting hub.KerasLayer.trainable = True is unsupported when calling a SavedModel signature of a graph "
                f"of TF1: {computation.label}, signature {computation.signature!r}. hub.convert makes such a "
                "model trainable."
            )
        if not computation.has_training_mode and not self._warned_no_training_mode:
            self._warned_no_training_mode = True
            _log.warning(
                "hub.KerasLayer trains the variables that the signature %r of %s uses. A signature has no training "
                "mode: dropout and batch normalization do in training what they do in inference.",
                computation.signature,
                computation.label,
            )
        if not self.weights.trainable and not self._warned_no_weights:
            self._warned_no_weights = True
            _log.error("hub.KerasLayer is trainable but has zero trainable weights: %s", computation.label)

    def config(self, trainable: bool) -> dict[str, Any]:
        """Return the constructor's arguments for this layer, without the defaults.

        Raises:
            NotSerializable: the layer has no handle, or JSON cannot hold an argument.
        """
        spec, computation, for_copy = self.spec, self.computation, config_is_for_copy()
        if not isinstance(spec.handle, str) and not for_copy:
            raise NotSerializable(
                "Can only generate a valid config for `hub.KerasLayer(handle, ...)` that uses a string `handle`. "
                f"Received: {computation.label}"
            )
        if not for_copy:
            _check_serializable(computation.arguments)
        config: dict[str, Any] = {"handle": spec.handle, **self._selection_config(trainable, for_copy)}
        if not spec.regularization_losses:
            config["regularization_losses"] = False
        if self.output_shape is not None:
            config["output_shape"] = shapes_to_config(self.output_shape)
        if self.weights.are_captured:
            config[_CAPTURED] = True
        if spec.tags is not None:
            config["tags"] = sorted(spec.tags)
        chosen = {
            "arguments": computation.arguments,
            "signature": computation.signature,
            "output_key": computation.output_key,
            "signature_outputs_as_dict": computation.signature_outputs_as_dict,
        }
        config.update({name: value for name, value in chosen.items() if value})
        # Without load_options: they describe the machine that loads, not the model. A copy has its object already.
        return config

    def _selection_config(self, trainable: bool, for_copy: bool) -> dict[str, Any]:
        selection = self.spec.trainable
        if isinstance(selection, bool):
            return {}  # Keras writes `trainable` itself.
        if not (for_copy and isinstance(selection, (str, re.Pattern))):
            selection = selection_config(selection, self.weights, self.computation.label)
        return {"trainable": selection, **({} if trainable else {"frozen": True})}


def _check_serializable(arguments: dict[str, Any]) -> None:
    for key, value in arguments.items():
        try:
            json.dumps(value)
        except TypeError as error:
            raise NotSerializable(
                f"`hub.KerasLayer(..., arguments)` contains non json-serializable values in key: {key} ({value!r})"
            ) from error


@contextlib.contextmanager
def layer_of_config(config: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield the constructor's arguments of a config, and whether to freeze the layer that they make.

    In a config, `frozen` means a layer that trains a selection and was switched off, and `captured_weights` one that
    shows the variables that its function captures. A config of tensorflow_hub has neither: then the layer shows no
    captured variables, so that the weights in its file fit.
    """
    arguments = dict(config)
    frozen = arguments.pop("frozen", False)
    token = _shows_captured.set(bool(arguments.pop(_CAPTURED, False)))
    try:
        yield arguments, frozen
    finally:
        _shows_captured.reset(token)
