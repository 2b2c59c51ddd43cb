"""`rehub.KerasLayer`: the class that users name; calling it makes a layer of the Keras in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehub.keras.adapters.base_layer import BaseLayer
from rehub.keras.layer_class import current_layer_class


class _KerasInUse(type):
    """Makes `KerasLayer` stand for the class of the Keras in use, without an import of Keras before it is used.

    A subclass of `KerasLayer` becomes a subclass of that class. `isinstance` and `issubclass` accept the layers of
    every Keras. Other attributes, such as `from_config`, are those of that class.
    """

    def __new__(mcs, name: str, bases: Any, namespace: dict[str, Any], **kwargs: Any) -> Any:
        if not bases:
            return super().__new__(mcs, name, bases, namespace)
        keras_bases = tuple(current_layer_class() if isinstance(base, _KerasInUse) else base for base in bases)
        return type(keras_bases[0])(name, keras_bases, namespace, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, BaseLayer)

    def __subclasscheck__(cls, subclass: Any) -> bool:
        return subclass is cls or issubclass(subclass, BaseLayer)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(current_layer_class(), name)


class KerasLayer(metaclass=_KerasInUse):
    """A SavedModel, or another callable with the same interface, as a Keras layer.

    The layer belongs to the Keras in use: Keras 3, `tf_keras`, or the `tf.keras` of TensorFlow 1.15 to 2.15. You can
    use it in Sequential, functional and subclassed models, in `fit`, in a `tf.GradientTape` and in `tf.function`.

    The layer calls the model's function with one positional argument: a tensor or a nest of tensors. If the function
    has an argument `training`, it gets a Python bool: whether the layer is trainable *and* the model is being trained,
    as in BatchNormalization. The layer converts inputs where nothing is lost: a list to a tuple, an integer to a wider
    one, a float to another float. Other inputs that fit no trace raise an error that shows what was expected.

    The layer uses these attributes of the object, if it has them (Reusable SavedModel interface):

    * `variables`, `trainable_variables`: these become the layer's weights, without a copy. If the object has neither,
      the weights are the variables that its function captures.
    * `regularization_losses`: functions without arguments that return a scalar. They count while the layer is
      trainable.

    Args:
        handle: a model's handle, for `hub.load`; or a callable, or an object with the interface above. Only a layer
            with a handle can be saved by its config.
        trainable: whether the layer trains its weights; or which weights: a variable's name, a regular expression to
            search for in names, a predicate over variables, or a list of names, expressions and variables. You can
            change this later by `layer.trainable`. Modules in TF1 Hub format can be trained too. A signature of a TF2
            object trains the variables that it uses, but has no training mode. TF1 SavedModels cannot be trained, nor
            can modules in TensorFlow 1.15 or in a TF1 graph: train such modules with `hub.Module`.
        arguments: further keyword arguments for the function. They must be JSON-serializable to save the layer.
        _sentinel: do not use. The arguments after it must be given by name.
        tags: which graph variant of the SavedModel to load. Unset, a legacy module uses its training variant while it
            is trained, else the variant without tags.
        signature: the name of a signature to call instead of the object. Unset, it is "default" for a legacy module.
            For an object that is not callable, it is the only signature, if that has one output.
        signature_outputs_as_dict: True returns the dict of all outputs of the signature.
        output_key: the key of the output to return, if the function returns a dict. Unset, it is "default" for a legacy
            module. A signature needs either this or `signature_outputs_as_dict=True`.
        output_shape: the shapes of the outputs without the batch dimension, in the structure of the outputs. Give them
            if the graph of the function does not have them. An output of another shape is an error.
        load_options: a `tf.saved_model.LoadOptions`; needs TensorFlow 2.3 or newer.
        regularization_losses: False omits the losses of the object, for a program that adds its own.
        **kwargs: for the `Layer` class of Keras: `name`, `dtype`, `input_shape`, ... A floating dtype or a mixed
            precision policy casts the outputs. The dtypes inside the model do not change.

    Raises:
        ValueError: some arguments exclude each other, or the object does not support them (`rehub.errors`).
        KerasMismatch: the layer is used in a model of another Keras.

    Example:
        layer = hub.KerasLayer("https://example.org/models/feature_vector/1", trainable=True)
        model = keras.Sequential([layer, keras.layers.Dense(5)])
    """

    if TYPE_CHECKING:

        def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            """Call the layer, as you call every layer of Keras."""

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
        """Make a layer of the class of the Keras in use."""
        return current_layer_class()(
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
