"""The signatures of a module, in training and in inference mode, as functions of TF2."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Callable, Iterable, Mapping

from rehub import tf_internals
from rehub.errors import InvalidModule, NotTrainable
from rehub.formatting import list_names
from rehub.legacy.attachments import read_attachments
from rehub.legacy.saved_model import GraphVariants
from rehub.legacy.tensor_info import build_output_map, components
from rehub.restore import SignatureCall, ensure_ops_registered
from rehub.restore.retention import retain_objects
from rehub.retrain.converters import CONVERTERS
from rehub.retrain.graph import NodeOutput, parse_output
from rehub.retrain.interpreter import GraphInterpreter
from rehub.retrain.module_graph import ModuleGraph
from rehub.retrain.state import ModuleState
from rehub.savedmodel.signatures import SignatureInfo, read_signature
from rehub.savedmodel.wire import Message

TRAIN = frozenset(["train"])


class SignatureFunctions:
    """The functions of a module's signatures, with the variables and tables that they share.

    Attributes:
        training: the graph variant for training, which can be the same.
    """

    def __init__(
        self, variants: GraphVariants, tags: frozenset[str] | None, checkpoint: str, device: str, label: str
    ) -> None:
        """Read the graph variants, and make their variables and tables.

        Args:
            tags: those of the variant for both training and inference; None for the one with the tag "train", if there
                is one, for training.
            checkpoint: the prefix of the files with the variables' values.
            device: where these files are read; "" for the default device.

        Raises:
            InvalidModule: a graph cannot be traced; names the node.
        """
        inference = frozenset() if tags is None else tags
        training = TRAIN if tags is None and TRAIN in variants.tags() else inference
        self.inference = ModuleGraph(variants.with_tags(inference))
        self.training = self.inference if training == inference else ModuleGraph(variants.with_tags(training))
        self.label = label
        self.state = ModuleState(self.inference, self.training, checkpoint, device)
        self._functions: dict[tuple[str, bool, bool], Any] = {}
        self._concrete_functions: dict[tuple[str, bool, bool], Any] = {}
        self._component_specs: dict[str, dict[str, Any]] = {}
        self._tf_graph: Any = None

    def graph_for(self, training: bool) -> ModuleGraph:
        """Return the graph variant of a mode."""
        return self.training if training else self.inference

    def output_specs(self, signature: str, training: bool) -> dict[str, Any]:
        """Return the `tf.TypeSpec`s of a signature's outputs in a mode; those for inference if it has no other."""
        in_training = training and self.training.has_signature(signature)
        return self.graph_for(in_training).output_specs(signature)

    def signature_defs(self) -> dict[str, Any]:
        """Return the SignatureDefs for inference by name; not to be changed."""
        signatures = self.inference.meta_graph.signature_def
        return {name: signatures[name] for name in self.inference.signature_names()}

    def correct_dtypes(self, signature: SignatureInfo) -> SignatureInfo:
        """Return a description of a signature with the dtypes of the placeholders, which those in it can contradict."""
        if self.inference.absent_tensors(signature.name):
            return signature
        specs = self.inference.input_specs(signature.name)
        inputs = (
            dataclasses.replace(slot, dtype=specs[slot.name].dtype.name) if slot.kind == "dense" else slot
            for slot in signature.inputs
        )
        return dataclasses.replace(signature, inputs=tuple(inputs))

    def attached_messages(self) -> dict[str, bytes]:
        """Return the serialized messages that the author attached, by key."""
        return read_attachments(self.inference.meta_graph)

    def trainable_signatures(self) -> list[str]:
        """Return the names of the signatures that can be applied in training mode."""
        return [name for name in self.inference.signature_names() if not self.training.why_nontrainable(name)]

    def apply_signature(
        self, signature: str, tensors: Mapping[str, Any], training: bool, update_ops: bool
    ) -> dict[str, Any]:
        """Compute a signature, eagerly or as a part of the function that is being traced.

        Args:
            tensors: the components of its inputs by name, as `restore.SignatureCall.split_inputs` returns them.
            training: which variant of the graph is computed.
            update_ops: whether, in training, UPDATE_OPS run too.

        Returns:
            The outputs by name.

        Raises:
            NotTrainable: in training mode, the signature does not exist, or needs state that cannot be trained.
        """
        function = self._get_function(signature, training, update_ops)
        outputs: dict[str, Any] = function(*(tensors[name] for name in self.component_names(signature)))
        return outputs

    def apply_concrete_function(
        self, signature: str, tensors: Mapping[str, Any], training: bool, update_ops: bool
    ) -> dict[str, Any]:
        """Do what `apply_signature` does, in a function that is to be saved.

        TensorFlow traces such a function again, with all functions that it calls, but not a concrete function.
        """
        function = self.get_concrete_function(signature, training, update_ops)
        outputs: dict[str, Any] = function(*(tensors[name] for name in self.component_names(signature)))
        return outputs

    def get_concrete_function(self, signature: str, training: bool, update_ops: bool = True) -> Any:
        """Return the concrete function of a signature, which takes the components of its inputs by position."""
        key = (signature, training, training and update_ops)
        if key not in self._concrete_functions:
            # One for all threads, like the function: gradients are built from one graph, and kept with it.
            return self._concrete_functions.setdefault(key, self._get_function(*key).get_concrete_function())
        return self._concrete_functions[key]

    def component_names(self, signature: str) -> list[str]:
        """Return the names of the tensors that the function of a signature takes."""
        return list(self._get_component_specs(signature))

    def make_loader_signature(self, name: str, renamed: Mapping[str, str] | None = None) -> Any:
        """Return the concrete function of a signature for inference, made as TensorFlow's loader does: of keywords.

        Args:
            renamed: other names for its keywords.
        """
        tf = tf_internals.import_tensorflow()
        specs = {}
        for key, spec in self._get_component_specs(name).items():
            keyword = key if renamed is None else renamed[key]
            specs[keyword] = tf.TensorSpec(spec.shape, spec.dtype, name=keyword)
        concrete = tf_internals.tracing.trace_with_keywords(self.get_concrete_function(name, False), specs)
        retain_objects(concrete, self)
        return concrete

    def import_graph(self) -> Any:
        """Return the variant for inference as a `tf.Graph`, to look at its collections, ops and tensors."""
        if self._tf_graph is None:
            with tf_internals.import_tensorflow().Graph().as_default() as graph:
                tf_internals.v1_graphs.import_meta_graph(self.inference.meta_graph, "", {})
            self._tf_graph = graph
        return self._tf_graph

    def prune_graph(self, feeds: Any, fetches: Any) -> Any:
        """Make a function of any part of the variant for inference.

        Args:
            feeds: a nest of names of tensors, or tensors of `import_graph()`: its arguments.
            fetches: a nest of names of tensors or ops, tensors or ops: what it returns; None for an op, which is run.

        Returns:
            A concrete function of tensors.
        """
        tf = tf_internals.import_tensorflow()
        graph = self.import_graph()
        arguments = [graph.as_graph_element(feed) for feed in tf.nest.flatten(feeds, expand_composites=True)]
        elements = [graph.as_graph_element(fetch) for fetch in tf.nest.flatten(fetches, expand_composites=True)]
        wanted = [parse_output(element.name) for element in elements if isinstance(element, tf.Tensor)]
        effects = [element.name for element in elements if not isinstance(element, tf.Tensor)]

        def run_pruned(*tensors: Any) -> Any:
            bindings = {parse_output(argument.name): tensor for argument, tensor in zip(arguments, tensors)}
            interpreter = GraphInterpreter(self.inference.program, self.state, bindings)
            computed = iter(interpreter.run(wanted, effects))
            results = [tf.identity(next(computed)) if isinstance(e, tf.Tensor) else None for e in elements]
            return tf.nest.pack_sequence_as(fetches, results, expand_composites=True)

        specs = [tf.TensorSpec(argument.shape, argument.dtype.base_dtype) for argument in arguments]
        function = tf.function(run_pruned, input_signature=specs, autograph=False).get_concrete_function()
        retain_objects(function, self)
        return function

    def make_regularization_losses(self) -> list[Callable[[], Any]]:
        """Return the regularization losses, each as a function of no arguments that returns a scalar.

        A loss that depends on the inputs of a signature cannot be such a function, and is left out.
        """
        tf = tf_internals.import_tensorflow()

        def make_loss_function(output: NodeOutput) -> Any:
            # A partial function: TensorFlow warns of many traces of one place in the code.
            return tf.function(functools.partial(self._trace_loss, output), input_signature=[], autograph=False)

        losses = self.training.members_of("regularization_losses")
        return [make_loss_function(output) for output in losses if self.training.is_computable(output, [])]

    def explain_left_out_signatures(self) -> list[str]:
        """Return, for each signature that names tensors which the graph lacks, which they are."""
        absent = {name: self.inference.absent_tensors(name) for name in sorted(self.inference.meta_graph.signature_def)}
        return [
            f"signature {name!r}: its graph does not have {list_names(tensors)}"
            for name, tensors in absent.items()
            if tensors and not name.startswith("__")
        ]

    def explain_left_out_losses(self) -> list[str]:
        """Return, for each loss that `make_regularization_losses` leaves out, why it does so."""
        losses = self.training.members_of("regularization_losses")
        return [
            f"regularization loss {output.node!r}: it depends on the inputs of a signature, and so cannot be a "
            "function of no arguments"
            for output in losses
            if not self.training.is_computable(output, [])
        ]

    def make_call(self, signature: str | None, is_legacy: bool, label: str) -> SignatureCall:
        """Return how the module is called, with a signature that is the default.

        Raises:
            SignatureNotFound: no signature has this name.
        """
        signatures = tuple(
            self.correct_dtypes(read_signature(name, Message(signature_def.SerializeToString())))
            for name, signature_def in self.signature_defs().items()
        )
        usual = "default" if is_legacy else "serving_default"
        call = SignatureCall(signatures, signature or usual, label)
        call.find_signature(signature)
        return call

    def _get_component_specs(self, signature: str) -> dict[str, Any]:
        """Return the specs of the components of a signature's inputs, by the names that TensorFlow's loader uses."""
        if signature not in self._component_specs:
            specs = self.inference.input_specs(signature)
            self._component_specs[signature] = {
                key: component for name, spec in specs.items() for key, component in _split_spec(name, spec)
            }
        return self._component_specs[signature]

    def _get_function(self, signature: str, training: bool, update_ops: bool) -> Any:
        key = (signature, training, training and update_ops)
        if key not in self._functions:
            tf = tf_internals.import_tensorflow()
            reason = self.training.why_nontrainable(signature) if training else ""
            if reason:
                raise NotTrainable(f"{self.label}: {reason}: training=False.")
            flat = tf.nest.flatten(list(self.inference.input_specs(signature).values()), expand_composites=True)
            function = tf.function(
                functools.partial(self._trace_signature, key),
                input_signature=[tf.TensorSpec(spec.shape, spec.dtype) for spec in flat],
                autograph=False,
            )
            return self._functions.setdefault(key, function)
        return self._functions[key]

    def _trace_signature(self, key: tuple[str, bool, bool], *tensors: Any) -> dict[str, Any]:
        signature, training, update_ops = key
        graph = self.graph_for(training)
        signature_def = graph.meta_graph.signature_def[signature]
        names = [part for name in sorted(signature_def.inputs) for part in components(signature_def.inputs[name])]
        bindings = {parse_output(name): tensor for name, tensor in zip(names, tensors)}
        wanted = [part for name in sorted(signature_def.outputs) for part in components(signature_def.outputs[name])]
        self._check_signature(graph, signature)
        effects = graph.find_update_ops(bindings) if update_ops else []
        try:
            computed = GraphInterpreter(graph.program, self.state, bindings).run(map(parse_output, wanted), effects)
        except InvalidModule as error:
            raise InvalidModule(
                f"{self.label}: {error}{_suggest_prune(graph.unfed_placeholders(signature))}"
            ) from error
        by_name = dict(zip(wanted, computed))
        tf = tf_internals.import_tensorflow()
        # Without identity, an input that is an output too would be returned itself.
        outputs = build_output_map(signature_def.outputs, lambda name: tf.identity(by_name[name]))
        for name, info in signature_def.outputs.items():
            # TF1 does not check the shapes in a signature.
            if info.WhichOneof("encoding") != "name" or not info.HasField("tensor_shape"):
                continue
            if outputs[name].shape.is_compatible_with(info.tensor_shape):
                outputs[name].set_shape(tf.TensorShape(info.tensor_shape))
        return outputs

    def _check_signature(self, graph: ModuleGraph, signature: str) -> None:
        """Check that a graph has all that a signature needs.

        Raises:
            InvalidModule: it has no such tensor.
            MissingOp: an op is not available; says which package has it.
        """
        absent = graph.absent_tensors(signature)
        if absent:
            raise InvalidModule(
                f"{self.label}: signature {signature!r} names tensors that its graph does not have: "
                f"{list_names(absent)}."
            )
        ensure_ops_registered(graph.ops_of(signature).difference(CONVERTERS), self.label)

    def _trace_loss(self, output: NodeOutput) -> Any:
        (loss,) = GraphInterpreter(self.training.program, self.state, {}).run([output])
        return tf_internals.import_tensorflow().identity(loss)


def _suggest_prune(placeholders: list[str]) -> str:
    names = list_names(f"{name}:0" for name in placeholders)
    return f" model.prune(feeds, fetches) makes a function that takes {names} too." if placeholders else ""


def _split_spec(name: str, spec: Any) -> Iterable[tuple[str, Any]]:
    tf = tf_internals.import_tensorflow()
    keys = [name]
    flat = tf.nest.flatten(spec, expand_composites=True)
    if isinstance(spec, tf.SparseTensorSpec):
        keys = [f"{name}_{part}" for part in ("indices", "values", "dense_shape")]
    elif not isinstance(spec, tf.TensorSpec):
        keys = [f"{name}_component_{index}" for index in range(len(flat))]
    return zip(keys, [tf.TensorSpec(component.shape, component.dtype) for component in flat])
