"""`rehub.KerasLayer`: the class that users name; calling it makes a layer of the Keras in use."""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import TYPE_CHECKING, Any

from rehub.keras.behaviour import REGISTERED_AS, LayerBehaviour
from rehub.keras.keras_in_use import Keras, describe_keras, keras_in_use


class _MadeForKerasInUse(type):
    """Lets `KerasLayer` stand for the class of the Keras in use, without importing a Keras before it is used.

    A subclass of `KerasLayer` becomes a subclass of that class; `isinstance` and `issubclass` know the layers of
    every Keras; other attributes, such as `from_config`, are those of that class.
    """

    def __new__(mcs, name: str, bases: Any, namespace: dict[str, Any], **kwargs: Any) -> Any:
        if not bases:
            return super().__new__(mcs, name, bases, namespace)
        real = tuple(layer_class() if isinstance(base, _MadeForKerasInUse) else base for base in bases)
        return type(real[0])(name, real, namespace, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, LayerBehaviour)

    def __subclasscheck__(cls, subclass: Any) -> bool:
        return subclass is cls or issubclass(subclass, LayerBehaviour)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(layer_class(), name)


class KerasLayer(metaclass=_MadeForKerasInUse):
    """A SavedModel, or any callable of the same interface, as a Keras layer.

    The layer belongs to the Keras in use: Keras 3, `tf_keras`, or the `tf.keras` of TensorFlow 1.15 to 2.15. It works
    in Sequential, functional and subclassed models, in `fit`, in a `tf.GradientTape` and in `tf.function`.

    The function is called with one positional argument, a tensor or a nest of tensors. If it has an argument
    `training`, it gets a Python bool: whether the layer is trainable *and* the model is being trained, as for
    BatchNormalization. Inputs are converted where nothing is lost (a list for a tuple, a wider integer, another float);
    anything else that fits no trace is an error that shows what was expected.

    These attributes of the object have a meaning, if it has them (Reusable SavedModel interface):

    * `variables`, `trainable_variables`: the layer's weights are these variables themselves. An object without them
      shows the variables that its function captures.
    * `regularization_losses`: functions without arguments that return a scalar; they count while the layer is
      trainable.

    Args:
        handle: a model's handle, given to `hub.load`; or a callable, or an object with the interface above. Only a
            layer with a handle can be saved by its config.
        trainable: whether the layer trains its weights. Also chooses some of them: a variable's name or a regular
            expression to be found in it, a predicate over variables, or a list of names, expressions and variables.
            Can be switched later by `layer.trainable`. Also for modules of TF1 Hub format. A signature of a TF2 object
            trains the variables that it uses, and has no training mode. Not for TF1 SavedModels, nor for modules in
            TensorFlow 1.15 or in a graph of TF1, which `hub.Module` trains.
        arguments: further keyword arguments for the function; JSON-serializable if the layer is to be saved.
        _sentinel: nothing; keeps the arguments after it from being given by position.
        tags: which graph variant of the SavedModel to load. Unset means, for a legacy module, the one for training
            while it is trained, and the empty set otherwise.
        signature: calls this signature instead of the object. Unset means "default" for a legacy module, and the only
            one, if it has one output, for an object that is not callable.
        signature_outputs_as_dict: True returns the dict of all outputs of the signature.
        output_key: returns this entry of the dict that the function returns. Unset means "default" for a legacy
            module. A signature needs either this or `signature_outputs_as_dict=True`.
        output_shape: shapes of the outputs without the batch dimension, in their structure, for functions whose graphs
            do not tell. An output of another shape is an error.
        load_options: `tf.saved_model.LoadOptions`, from TensorFlow 2.3 on.
        regularization_losses: False leaves out those of the object, for a program that adds its own.
        **kwargs: for the `Layer` class of Keras: `name`, `dtype`, `input_shape`, ... A floating dtype or a mixed
            precision policy casts the outputs; the dtypes inside the model are fixed.

    Raises:
        ValueError: arguments that exclude each other, or that the object cannot serve (`rehub.errors`).
        KerasMismatch: when the layer is used in a model of the other Keras.

    Example:
        layer = hub.KerasLayer("https://example.org/models/feature_vector/1", trainable=True)
        model = keras.Sequential([layer, keras.layers.Dense(5)])
    """

    if TYPE_CHECKING:

        def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            """Applies the layer, as every layer of Keras is applied."""

    def __new__(
        cls,
        handle: Any,
        trainable: Any = False,
        arguments: dict[str, Any] | None = None,
        _sentinel: Any = None,
        tags: Any = None,
        signature: str | None = None,
        signature_outputs_as_dict: bool | None = None,
        output_key: str | None = None,
        output_shape: Any = None,
        load_options: Any = None,
        *,
        regularization_losses: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Makes a layer of the class of the Keras in use."""
        return layer_class()(
            handle,
            trainable,
            arguments,
            _sentinel,
            tags,
            signature,
            signature_outputs_as_dict,
            output_key,
            output_shape,
            load_options,
            regularization_losses,
            **kwargs,
        )


def layer_class() -> Any:
    """The KerasLayer class of the Keras in use."""
    return _class_for(keras_in_use())


def layer_class_of(package: str) -> Any:
    """The KerasLayer class of a package, `keras` or `tf_keras`; of the Keras in use where that is not installed."""
    in_use = keras_in_use()
    if package != in_use.package and not package.startswith("tensorflow"):
        with contextlib.suppress(ImportError):
            return _class_for(describe_keras(importlib.import_module(package)))
    return _class_for(in_use)


@functools.lru_cache(maxsize=None)
def _class_for(keras: Keras) -> Any:
    from rehub.keras import keras2, keras3

    made = (keras3 if keras.major >= 3 else keras2).make_layer_class(keras)
    made.__qualname__ = "KerasLayer"
    made.__module__ = "rehub"
    # By this name Keras finds the class in files that rehub or tensorflow_hub saved, without custom_objects=.
    keras.module.utils.get_custom_objects()[REGISTERED_AS] = made
    return made
