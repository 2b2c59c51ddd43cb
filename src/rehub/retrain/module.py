"""A legacy module as an object of TF2 that can be called and trained. Importing this file imports TensorFlow."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.legacy.attachments import parse_attachment
from rehub.legacy.tensor_info import ParsedTensorInfo
from rehub.restore import SignatureCall
from rehub.retrain.module_parts import ModuleParts, Signatures
from rehub.retrain.signature_functions import SignatureFunctions


class LegacyModule(tf_internals.objects.auto_trackable_class()):  # type: ignore[misc]
    """A legacy module, or a TF1 SavedModel that TensorFlow cannot load, that can be called and trained.

    It has the interface of a Reusable SavedModel (tensorflow.org/hub/reusable_saved_models), with the call of a
    `hub.Module`.

    Attributes:
        variables: all `tf.Variable`s; one for each part of a partitioned one.
        trainable_variables: those that the module's author meant to be trained.
        regularization_losses: functions of no arguments, a scalar each.
    """

    def __init__(self, functions: SignatureFunctions, call: SignatureCall, is_legacy: bool = True) -> None:
        ModuleParts(functions, call).attach_to(self)
        state = functions.state
        self.variables = list(state.variables.values())
        self.trainable_variables = [variable for variable in self.variables if variable.trainable]
        self.regularization_losses = functions.make_regularization_losses()
        self._tables = list(state.tables.values())  # To be saved with the object.
        self._assets = list(state.assets.values())
        self._is_hub_module_v1 = is_legacy  # The name by which tensorflow_hub's users know it.

    @tf_internals.tracing.no_autograph
    def __call__(
        self,
        inputs: Any = None,
        training: Any = False,
        signature: str | None = None,
        as_dict: bool = False,
        update_ops: bool = True,
    ) -> Any:
        """Apply a signature to inputs.

        Args:
            inputs: a tensor, or what becomes one, for a signature with one input; a dict by input name for several;
                None for none.
            training: whether to compute what the module's graph for training computes, and to run its UPDATE_OPS,
                which change the statistics of batch normalization. A bool, or a scalar bool tensor.
            signature: its name; unset, "default".
            as_dict: whether to return all outputs by name.
            update_ops: False, in training, leaves the statistics of batch normalization as they are.

        Returns:
            The output named "default", or the only output; with `as_dict=True`, a dict of all outputs.

        Raises:
            SignatureNotFound: no signature has this name; lists those that exist.
            InputMismatch: the signature has other inputs, or no single output; lists them.
            NotTrainable: with `training`, if the signature cannot be trained; says why.
        """
        parts = ModuleParts.of_module(self)
        parts.call.check_training(training)
        name = parts.call.find_signature(signature).name
        return parts.call.select_outputs(name, parts.apply_signature(name, inputs, training, update_ops), as_dict)

    @property
    def signatures(self) -> Signatures:
        """The signatures by name: functions for inference, of tensors given by keyword."""
        return ModuleParts.of_module(self).signatures

    @property
    def variable_map(self) -> dict[str, Any]:
        """The variables by their names in the module; for a partitioned one, the list of its parts."""
        return ModuleParts.of_module(self).functions.state.variable_map()

    @property
    def graph(self) -> Any:
        """The graph for inference as a `tf.Graph`, to look at its collections, ops and tensors."""
        return ModuleParts.of_module(self).functions.import_graph()

    def prune(self, feeds: Any, fetches: Any) -> Any:
        """Make a function of any part of the graph for inference, as objects of TensorFlow's loader do.

        Args:
            feeds: a nest of names of tensors, or tensors of `graph`: its arguments.
            fetches: a nest of names of tensors or ops, tensors or ops: what it returns.

        Returns:
            A concrete function of tensors, which uses the module's variables.
        """
        return ModuleParts.of_module(self).functions.prune_graph(feeds, fetches)

    @property
    def tensorflow_version(self) -> str:
        """The version of the TensorFlow that wrote the module."""
        return str(ModuleParts.of_module(self).functions.inference.meta_graph.meta_info_def.tensorflow_version)

    def get_signature_names(self) -> list[str]:
        """Return the names of the signatures."""
        return list(self.signatures)

    def get_input_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """Describe the inputs of a signature by name, as `hub.Module.get_input_info_dict` does."""
        parts = ModuleParts.of_module(self)
        specs = parts.functions.inference.input_specs(parts.call.find_signature(signature).name)
        return {name: ParsedTensorInfo.from_type_spec(spec) for name, spec in specs.items()}

    def get_output_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """Describe the outputs of a signature by name, as `hub.Module.get_output_info_dict` does."""
        parts = ModuleParts.of_module(self)
        specs = parts.functions.inference.output_specs(parts.call.find_signature(signature).name)
        return {name: ParsedTensorInfo.from_type_spec(spec) for name, spec in specs.items()}

    def get_attached_message(self, key: str, message_type: Any, required: bool = False) -> Any:
        """Return a message that the publisher attached to the module by `hub.attach_message`.

        Args:
            key: what it was attached under.
            message_type: the class of protocol buffer messages to parse it by.
            required: whether it is an error if there is none.

        Returns:
            A new message, or None.

        Raises:
            AttachmentNotFound: there is none, and `required` was set.
        """
        functions = ModuleParts.of_module(self).functions
        attached = functions.attached_messages().get(key)
        return parse_attachment(attached, key, message_type, required, functions.label)
