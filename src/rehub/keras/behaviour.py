"""What a KerasLayer does in every Keras; the adapters add what each Keras wants to be told in its own way."""

from __future__ import annotations

import contextvars
import json
import logging
import os
import re
import sys
from typing import Any, Iterator

from rehub import tf_internals
from rehub.errors import NotSerializable, NotTrainable
from rehub.keras.computation import Computation
from rehub.keras.copies import CopiedLayer, config_is_for_copy
from rehub.keras.jit import can_compile
from rehub.keras.keras_in_use import Keras, refuse_call_of_other_keras, refuse_other_keras
from rehub.keras.output_shapes import ensure_declared_shapes, output_shapes, output_specs, shapes_from, shapes_to_config
from rehub.keras.weights import Selection, Weights, selection_config, weights_of
from rehub.optimize import is_optimized

_logger = logging.getLogger("rehub")

REGISTERED_AS = "KerasLayer"  # The name in the files of Keras, as in those of tensorflow_hub.
_CAPTURED = "captured_weights"
# Whether a layer that is made now shows the variables that its function captures as weights.
_shows_captured: contextvars.ContextVar[bool] = contextvars.ContextVar("shows_captured", default=True)


class Prepared:
    """A layer's fixed parts. One opaque object, so that no Keras wraps or tracks what is inside."""

    def __init__(
        self, handle: Any, trainable: Selection, output_shape: Any, regularization_losses: bool, **choices: Any
    ) -> None:
        self.handle = os.fsdecode(handle) if isinstance(handle, (bytes, os.PathLike)) else handle
        self.choices = choices
        self.computation = Computation(self.handle, **choices)
        self.selection = _as_selection(trainable)
        self.weights: Weights = weights_of(
            self.computation.weights_owner(),
            self.computation.function,
            self.selection,
            self.computation.described_as,
            captured=_shows_captured.get(),
        )
        self.losses = self.computation.regularization_losses() if regularization_losses else ()
        self.adds_losses = regularization_losses
        self.output_shape = shapes_from(output_shape) if output_shape else None
        self.keras_weights: list[Any] = []  # In Keras 3, its variables around the restored ones.
        self.trained_weights: list[Any] = []  # In Keras 3, its variables around those that are trained.
        self.told_of_no_weights = False
        self.warned_no_training_mode = False
        self._supports_jit: bool | None = None

    @property
    def starts_trainable(self) -> bool:
        """The layer's `trainable` as a bool: choosing some weights means to train them."""
        return self.selection is not False

    def supports_jit(self) -> bool:
        """Whether XLA can compile the function; found out when it is first asked for, as it reads the whole graph."""
        if self._supports_jit is None:
            self._supports_jit = can_compile(self.computation.traces)
        return self._supports_jit

    def override_jit(self, value: bool) -> None:
        """Sets what `supports_jit` says from now on."""
        self._supports_jit = value

    def config(self, trainable: bool) -> dict[str, Any]:
        """The constructor's arguments that a layer of this handle needs to be made again.

        Raises:
            NotSerializable: there is no handle, or a value that JSON cannot hold.
        """
        computation = self.computation
        for_copy = config_is_for_copy()
        if not isinstance(self.handle, str) and not for_copy:
            raise NotSerializable(
                "Can only generate a valid config for `hub.KerasLayer(handle, ...)` that uses a string `handle`. "
                f"Received: {computation.described_as}"
            )
        config: dict[str, Any] = {"handle": self.handle}
        if not isinstance(self.selection, bool):
            as_it_is = for_copy and isinstance(self.selection, (str, re.Pattern))
            config["trainable"] = (
                self.selection if as_it_is else selection_config(self.selection, self.weights, computation.described_as)
            )
            config.update({} if trainable else {"frozen": True})
        if not self.adds_losses:
            config["regularization_losses"] = False
        if self.output_shape is not None:
            config["output_shape"] = shapes_to_config(self.output_shape)
        for key, value in () if for_copy else computation.arguments.items():
            try:
                json.dumps(value)
            except TypeError as error:
                raise NotSerializable(
                    f"`hub.KerasLayer(..., arguments)` contains non json-serializable values in key: {key} ({value!r})"
                ) from error
        if self.weights.are_captured:
            config[_CAPTURED] = True
        optional = {
            "arguments": computation.arguments,
            "tags": sorted(self.choices["tags"]) if self.choices.get("tags") is not None else None,
            "signature": computation.signature,
            "output_key": computation.output_key,
            "signature_outputs_as_dict": computation.signature_outputs_as_dict,
        }
        config.update({name: value for name, value in optional.items() if value or (name == "tags" and value == [])})
        # Not load_options: they tell of the machine that loads, not of the model. Nor in a copy, whose object is there.
        return config


def prepare(
    handle: Any,
    trainable: Selection = False,
    arguments: dict[str, Any] | None = None,
    _sentinel: Any = None,
    tags: Any = None,
    signature: str | None = None,
    signature_outputs_as_dict: bool | None = None,
    output_key: str | None = None,
    output_shape: Any = None,
    load_options: Any = None,
    regularization_losses: bool = True,
    **kwargs: Any,
) -> tuple[Prepared, dict[str, Any]]:
    """Takes the arguments of `rehub.KerasLayer`; returns the fixed parts and the arguments for Keras' own class."""
    if _sentinel is not None:
        raise TypeError(
            f"hub.KerasLayer takes three arguments by position: handle, trainable, arguments. Received as the fourth: "
            f"{_sentinel!r}. Name it."
        )
    prepared = Prepared(
        handle,
        trainable,
        output_shape,
        regularization_losses,
        arguments=arguments,
        tags=tags,
        signature=signature,
        signature_outputs_as_dict=signature_outputs_as_dict,
        output_key=output_key,
        load_options=load_options,
    )
    return prepared, kwargs


class LayerBehaviour(CopiedLayer):
    """The part of a `KerasLayer` that knows no Keras; each adapter puts it before the `Layer` class of its Keras.

    Attributes:
        keras: the Keras that the layer belongs to.
    """

    keras: Keras
    trainable: bool
    _prepared: Prepared

    @property
    def resolved_object(self) -> Any:
        """The object that the handle resolved to: what `hub.load` returned, or what was given instead of a handle."""
        return self._prepared.computation.restored

    @property
    def supports_jit(self) -> bool:
        """Whether XLA can compile the layer; False for strings, tables, loops and ops that XLA lacks."""
        return self._prepared.supports_jit()

    @supports_jit.setter
    def supports_jit(self, value: bool) -> None:
        # Keras sets True in its own __init__, before it can know: only what is set later is somebody's wish.
        if "_prepared" in vars(self):
            self._prepared.override_jit(value)

    @property
    def _keras_history(self) -> Any:
        """Sequential of either Keras asks each layer for this attribute before it looks at the layer's class: the one
        place where a layer of the other Keras can be told apart with a helpful message.
        """
        caller = sys._getframe(1)  # noqa: SLF001  (CPython's way to ask who is asking)
        refuse_other_keras(self.keras, caller.f_globals.get("__name__", "").split(".")[0])
        raise AttributeError("_keras_history")

    def _as_inputs(self, inputs: Any) -> Any:
        """The inputs of `__call__` as tensors; refuses symbolic tensors and calls of the other Keras, which would not
        see the layer's weights.
        """
        refuse_call_of_other_keras(self.keras)
        if isinstance(inputs, tf_internals.import_tensorflow().Tensor):  # by far the most frequent case
            return inputs
        for leaf in _leaves(inputs):
            if type(leaf).__name__ == "KerasTensor":
                refuse_other_keras(self.keras, type(leaf).__module__.split(".")[0])
        return self._prepared.computation.as_tensors(inputs)

    def _check_trainability(self) -> None:
        """Refuses to train what cannot be trained; says once when there is nothing to train."""
        if not self.trainable:
            return
        computation = self._prepared.computation
        if is_optimized(computation.restored):
            raise NotTrainable(
                f'hub.KerasLayer.trainable = True: {computation.described_as} was loaded with optimize="inference", by '
                "which its variables became constants. Load it without, to train it."
            )
        if computation.is_legacy and not computation.is_trainable:
            raise NotTrainable(
                "Setting hub.KerasLayer.trainable = True is unsupported when loading from the TF1 Hub format here: "
                f"{computation.described_as} is a legacy module. In eager mode of TensorFlow 2 it can be trained; in a "
                f"graph of TF1, hub.Module({computation.described_as}, trainable=True) trains it."
            )
        if not computation.is_trainable:
            raise NotTrainable(
                "Setting hub.KerasLayer.trainable = True is unsupported when calling a SavedModel signature of a graph "
                f"of TF1: {computation.described_as}, signature {computation.signature!r}. hub.convert makes such a "
                "model trainable."
            )
        if not computation.has_training_mode and not self._prepared.warned_no_training_mode:
            self._prepared.warned_no_training_mode = True
            _logger.warning(
                "hub.KerasLayer trains the variables that the signature %r of %s uses. A signature has no training "
                "mode: dropout and batch normalization do in training what they do in inference.",
                computation.signature,
                computation.described_as,
            )
        if not self._prepared.weights.trainable and not self._prepared.told_of_no_weights:
            self._prepared.told_of_no_weights = True
            _logger.error("hub.KerasLayer is trainable but has zero trainable weights: %s", computation.described_as)

    def _output_specs(self, inputs: Any) -> Any:
        prepared = self._prepared
        return output_specs(prepared.computation, inputs, prepared.output_shape, training=bool(self.trainable))

    def _output_shapes(self, input_shape: Any) -> Any:
        prepared = self._prepared
        return output_shapes(prepared.computation, input_shape, prepared.output_shape, training=bool(self.trainable))

    def _with_declared_shapes(self, result: Any) -> Any:
        prepared = self._prepared
        if prepared.output_shape is None:
            return result
        return ensure_declared_shapes(result, prepared.output_shape, prepared.computation.described_as)

    def _own_config(self) -> dict[str, Any]:
        """The arguments of this layer's constructor beyond those of its Keras; the defaults are left out."""
        return self._prepared.config(bool(self.trainable))

    @classmethod
    def _class_given_instead(cls) -> Any:
        """The class that the caller of Keras gave for this one, which Keras found by its name; None if none."""
        if cls.keras.module.utils.get_custom_objects().get(REGISTERED_AS) is not cls:
            return None
        for given in tf_internals.keras.iter_custom_objects(REGISTERED_AS):
            # `rehub.KerasLayer` stands for the class of the Keras in use.
            if given is not cls and isinstance(given, type) and given.__module__ != "rehub.keras.layer":
                return given
        return None

    @classmethod
    def _from_own_config(cls, config: dict[str, Any]) -> Any:
        """The layer of a config.

        In a config, `frozen` tells of a layer that trains a selection, and was switched off; `captured_weights` of one
        that shows what its function captures. A layer of tensorflow_hub does not: nor does it here, so that the
        weights in its file fit.
        """
        arguments = dict(config)
        frozen = arguments.pop("frozen", False)
        usual = _shows_captured.set(bool(arguments.pop(_CAPTURED, False)))
        try:
            layer = cls(**arguments)
        finally:
            _shows_captured.reset(usual)
        if frozen:
            layer.trainable = False
        return layer


def _as_selection(trainable: Any) -> Selection:
    if isinstance(trainable, (list, tuple, set, frozenset)):
        return list(trainable) if trainable else False
    if isinstance(trainable, (int,)):  # bools, and the 0 and 1 of old code
        return bool(trainable)
    return False if trainable is None else trainable


def _leaves(nest: Any) -> Iterator[Any]:
    if isinstance(nest, dict):
        nest = list(nest.values())
    if isinstance(nest, (list, tuple)):
        for item in nest:
            yield from _leaves(item)
    else:
        yield nest
