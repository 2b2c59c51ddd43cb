"""The computations of a module: its signatures, in training and in inference mode, as functions of TF2."""

from __future__ import annotations

import functools
from typing import Any, Callable, Mapping

from rehub import tf_internals
from rehub.errors import NotTrainable
from rehub.formatting import list_names
from rehub.legacy import attachments
from rehub.legacy.saved_model import GraphVariants
from rehub.legacy.tensor_info import build_output_map, components, parse_tensor_info_map
from rehub.restore import SignatureCall
from rehub.restore.ownership import own
from rehub.retrain.nodes import Output, output_of
from rehub.retrain.program import Program
from rehub.retrain.retracing import Retracing
from rehub.retrain.state import ModuleState
from rehub.retrain.untrainable import untrainable_nodes
from rehub.savedmodel.signatures import read_signature
from rehub.savedmodel.wire import Message

TRAIN = frozenset(["train"])


class Computations:
    """The graph variants of a module, with the variables and tables that they share.

    Attributes:
        state: the variables and tables.
        described_as: what messages call the module.
    """

    def __init__(
        self, variants: GraphVariants, tags: frozenset[str] | None, checkpoint: str, device: str, described_as: str
    ) -> None:
        """Reads the variants, and makes their variables and tables.

        Args:
            variants: the module's graphs.
            tags: of the variant that serves training and inference; None for that of training where there is one.
            checkpoint: the prefix of the files with the variables' values.
            device: where these files are read; "" for here.
            described_as: what messages call the module.

        Raises:
            InvalidModule: a graph cannot be traced again; names the node.
        """
        inference = frozenset() if tags is None else tags
        training = TRAIN if tags is None and TRAIN in variants.tags() else inference
        self._meta_graphs = {False: variants.with_tags(inference), True: variants.with_tags(training)}
        programs = {tag: Program.of_meta_graph(variants.with_tags(tag)) for tag in {inference, training}}
        self._programs = {False: programs[inference], True: programs[training]}
        self.described_as = described_as
        self.state = ModuleState(self._meta_graphs, self._programs, checkpoint, device)
        self._functions: dict[tuple[str, bool, bool], Any] = {}
        self._concrete: dict[tuple[str, bool, bool], Any] = {}
        self._graph: Any = None

    def input_specs(self, signature: str) -> dict[str, Any]:
        """The `tf.TypeSpec`s of a signature's inputs by name, sorted."""
        infos = parse_tensor_info_map(self._meta_graphs[False].signature_def[signature].inputs)
        return {name: infos[name].type_spec for name in sorted(infos)}

    def output_specs(self, signature: str, training: bool = False) -> dict[str, Any]:
        """The `tf.TypeSpec`s of a signature's outputs by name, sorted; in training mode, where it has the signature."""
        mode = training and self.has_signature(signature, True)
        infos = parse_tensor_info_map(self._meta_graphs[mode].signature_def[signature].outputs)
        return {name: infos[name].type_spec for name in sorted(infos)}

    def attached_messages(self) -> dict[str, bytes]:
        """The serialized messages that the author attached, by key."""
        return attachments.read(self._meta_graphs[False])

    @property
    def tensorflow_version(self) -> str:
        """The version of the TensorFlow that wrote the module."""
        return str(self._meta_graphs[False].meta_info_def.tensorflow_version)

    def meta_graph(self, training: bool) -> Any:
        """The MetaGraphDef of a mode; it is not to be changed."""
        return self._meta_graphs[training]

    def signature_names(self) -> list[str]:
        """The names of the signatures of the variant for inference, without TensorFlow's own."""
        return [name for name in sorted(self._meta_graphs[False].signature_def) if not name.startswith("__")]

    def signature_defs(self) -> dict[str, Any]:
        """The SignatureDefs of the variant for inference by name; they are not to be changed."""
        return {name: self._meta_graphs[False].signature_def[name] for name in self.signature_names()}

    def update_ops(self, signature: str) -> list[str]:
        """The names of the UPDATE_OPS that run with a signature: those for which it feeds all inputs."""
        infos = self._meta_graphs[True].signature_def[signature].inputs
        return self._updates({output_of(part): None for info in infos.values() for part in components(info)})

    def _outputs(self, signature: str, training: bool) -> list[Output]:
        infos = self._meta_graphs[training].signature_def[signature].outputs
        return [output_of(part) for info in infos.values() for part in components(info)]

    def has_signature(self, signature: str, training: bool) -> bool:
        """Whether the graph variant of a mode has a signature."""
        return signature in self._meta_graphs[training].signature_def

    def apply(self, signature: str, tensors: Mapping[str, Any], training: bool, update_ops: bool) -> dict[str, Any]:
        """Computes a signature, eagerly or as a part of the function that is being traced.

        Args:
            signature: its name.
            tensors: those that its inputs are made of, by name, as `restore.SignatureCall.components` gives them.
            training: which variant of the graph it is.
            update_ops: whether, in training, UPDATE_OPS run too.

        Returns:
            The outputs by name.

        Raises:
            NotTrainable: in training mode, the signature needs state that cannot be trained, or is not there.
        """
        names = self._component_specs(signature)
        outputs: dict[str, Any] = self._function(signature, training, update_ops)(*(tensors[name] for name in names))
        return outputs

    def concrete(self, signature: str, training: bool, update_ops: bool = True) -> Any:
        """The concrete function of a signature, of the tensors that its inputs are made of, by position."""
        key = (signature, training, training and update_ops)
        if key not in self._concrete:
            # One for all threads, like the function: gradients are built of one graph, and kept with it.
            return self._concrete.setdefault(key, self._function(*key).get_concrete_function())
        return self._concrete[key]

    def apply_concrete(
        self, signature: str, tensors: Mapping[str, Any], training: bool, update_ops: bool
    ) -> dict[str, Any]:
        """Does what `apply` does, in a function that is to be saved: TensorFlow then traces it anew, and what it calls,
        but not a concrete function.
        """
        names = self._component_specs(signature)
        outputs: dict[str, Any] = self.concrete(signature, training, update_ops)(*(tensors[name] for name in names))
        return outputs

    def keywords(self, signature: str) -> list[str]:
        """The names of the tensors that the function of a signature takes."""
        return list(self._component_specs(signature))

    def signature(self, name: str, renamed: Mapping[str, str] | None = None) -> Any:
        """The concrete function of a signature for inference that takes tensors by keyword, as TensorFlow's loader
        makes it.

        Args:
            name: of the signature.
            renamed: other names for its keywords.
        """
        specs = {}
        for key, spec in self._component_specs(name).items():
            keyword = key if renamed is None else renamed[key]
            specs[keyword] = tf_internals.import_tensorflow().TensorSpec(spec.shape, spec.dtype, name=keyword)
        concrete = tf_internals.tracing.trace_with_keywords(self.concrete(name, False), specs)
        own(concrete, self)
        return concrete

    @property
    def graph(self) -> Any:
        """The variant for inference as a `tf.Graph`, to look at: its collections, ops and tensors."""
        if self._graph is None:
            tf = tf_internals.import_tensorflow()
            with tf.Graph().as_default() as graph:
                tf_internals.v1_graphs.import_meta_graph(self._meta_graphs[False], "", {})
            self._graph = graph
        return self._graph

    def prune(self, feeds: Any, fetches: Any) -> Any:
        """Makes a function of any part of the variant for inference.

        Args:
            feeds: a nest of names of tensors, or tensors of `graph`: its arguments.
            fetches: a nest of names of tensors or ops, tensors or ops: what it returns; None for an op, which is run.

        Returns:
            A concrete function of tensors.
        """
        tf = tf_internals.import_tensorflow()
        arguments = [self.graph.as_graph_element(feed) for feed in tf.nest.flatten(feeds, expand_composites=True)]
        elements = [self.graph.as_graph_element(fetch) for fetch in tf.nest.flatten(fetches, expand_composites=True)]
        wanted = [output_of(element.name) for element in elements if isinstance(element, tf.Tensor)]
        effects = [element.name for element in elements if not isinstance(element, tf.Tensor)]

        def pruned(*tensors: Any) -> Any:
            fed = {output_of(argument.name): tensor for argument, tensor in zip(arguments, tensors)}
            computed = iter(Retracing(self._programs[False], self.state, fed).run(wanted, effects))
            results = [tf.identity(next(computed)) if isinstance(e, tf.Tensor) else None for e in elements]
            return tf.nest.pack_sequence_as(fetches, results, expand_composites=True)

        specs = [tf.TensorSpec(argument.shape, argument.dtype.base_dtype) for argument in arguments]
        function = tf.function(pruned, input_signature=specs, autograph=False).get_concrete_function()
        own(function, self)
        return function

    @functools.lru_cache(maxsize=None)  # noqa: B019  It is kept no longer than the module.
    def _component_specs(self, signature: str) -> dict[str, Any]:
        """The specs of the tensors that a signature's inputs are made of, by the names of TensorFlow's loader."""
        tf = tf_internals.import_tensorflow()
        specs: dict[str, Any] = {}
        for name, spec in self.input_specs(signature).items():
            parts = [name]
            flat = tf.nest.flatten(spec, expand_composites=True)
            if isinstance(spec, tf.SparseTensorSpec):
                parts = [f"{name}_{part}" for part in ("indices", "values", "dense_shape")]
            elif not isinstance(spec, tf.TensorSpec):
                parts = [f"{name}_component_{index}" for index in range(len(flat))]
            specs.update((part, tf.TensorSpec(s.shape, s.dtype)) for part, s in zip(parts, flat))
        return specs

    def _function(self, signature: str, training: bool, update_ops: bool) -> Any:
        key = (signature, training, training and update_ops)
        if key not in self._functions:
            tf = tf_internals.import_tensorflow()
            untrainable = self.why_untrainable(signature) if training else ""
            if untrainable:
                raise NotTrainable(f"{self.described_as}: {untrainable}: training=False.")
            flat = tf.nest.flatten(list(self.input_specs(signature).values()), expand_composites=True)
            function = tf.function(
                functools.partial(self._trace, key),
                input_signature=[tf.TensorSpec(spec.shape, spec.dtype) for spec in flat],
                autograph=False,
            )
            return self._functions.setdefault(key, function)
        return self._functions[key]

    def _trace(self, key: tuple[str, bool, bool], *tensors: Any) -> dict[str, Any]:
        signature, training, update_ops = key
        signature_def = self._meta_graphs[training].signature_def[signature]
        names = [part for name in sorted(signature_def.inputs) for part in components(signature_def.inputs[name])]
        fed = {output_of(name): tensor for name, tensor in zip(names, tensors)}
        wanted = [part for name in sorted(signature_def.outputs) for part in components(signature_def.outputs[name])]
        effects = self._updates(fed) if update_ops else []
        computed = Retracing(self._programs[training], self.state, fed).run(map(output_of, wanted), effects)
        by_name = dict(zip(wanted, computed))
        tf = tf_internals.import_tensorflow()
        # An input that is an output too would be returned as it is.
        outputs = build_output_map(signature_def.outputs, lambda name: tf.identity(by_name[name]))
        for name, info in signature_def.outputs.items():
            if info.WhichOneof("encoding") == "name":
                outputs[name].set_shape(tf.TensorShape(info.tensor_shape))
        return outputs

    def _trace_loss(self, output: Output) -> Any:
        (loss,) = Retracing(self._programs[True], self.state, {}).run([output])
        return tf_internals.import_tensorflow().identity(loss)

    def _updates(self, fed: Mapping[Output, Any]) -> list[str]:
        """The UPDATE_OPS that belong to a signature: those for which all inputs are fed."""
        return [output.node for output in self._members("update_ops") if self._is_computable(output, fed)]

    def _members(self, key: str) -> list[Output]:
        collections = self._meta_graphs[True].collection_def
        return [output_of(name) for name in collections[key].node_list.value] if key in collections else []

    def _is_computable(self, output: Output, fed: Mapping[Output, Any]) -> bool:
        graph = self._programs[True].graph
        needed = graph.ancestors([output.node], (source.node for source in fed))
        return not any(graph.nodes[name].op in ("Placeholder", "PlaceholderV2") for name in needed)

    def regularization_losses(self) -> list[Callable[[], Any]]:
        """The regularization losses, each a function of no arguments that returns a scalar.

        One that depends on the inputs of a signature is no such function, and not among them.
        """
        tf = tf_internals.import_tensorflow()

        def loss_function(output: Output) -> Any:
            # A partial function: TensorFlow warns of many traces of what is one place in the code.
            return tf.function(functools.partial(self._trace_loss, output), input_signature=[], autograph=False)

        losses = self._members("regularization_losses")
        return [loss_function(output) for output in losses if self._is_computable(output, {})]

    def uncomputable_losses(self) -> list[str]:
        """Says of each regularization loss that depends on inputs why it is not among `regularization_losses`."""
        losses = [output for output in self._members("regularization_losses") if not self._is_computable(output, {})]
        return [
            f"regularization loss {output.node!r}: it depends on the inputs of a signature, and so is no function of "
            "none"
            for output in losses
        ]

    @property
    def number_of_update_ops(self) -> int:
        """How many UPDATE_OPS the variant for training has."""
        return len(self._members("update_ops"))

    def trainable_signatures(self) -> list[str]:
        """The names of the signatures that can be applied in training mode."""
        return [name for name in self.signature_names() if not self.why_untrainable(name)]

    def why_untrainable(self, signature: str) -> str:
        """Says why a signature cannot be applied in training mode; empty if it can."""
        if not self.has_signature(signature, True):
            return (
                f"the graph variant for training has no signature {signature!r}; it has: "
                f"{list_names(sorted(self._meta_graphs[True].signature_def))}"
            )
        program = self._programs[True]
        outputs = self._outputs(signature, training=True)
        found = untrainable_nodes(program, program.graph.ancestors(output.node for output in outputs))
        if not found:
            return ""
        listed = ", ".join(f"{node.name!r} ({node.op})" for node in found[:5])
        more = f", and {len(found) - 5} more" if len(found) > 5 else ""
        return (
            f"signature {signature!r} cannot be trained, as it depends on ops that keep what passes through them to "
            f"themselves, so that no gradient gets through: {listed}{more}. It can be used for inference"
        )

    def call_of(self, signature: str | None, is_legacy: bool, handle: str) -> SignatureCall:
        """How the module is called, by a signature that is the default.

        Raises:
            SignatureNotFound: there is no such signature.
        """
        found = self._meta_graphs[False].signature_def
        signatures = tuple(
            read_signature(name, Message(found[name].SerializeToString())) for name in self.signature_names()
        )
        usual = "default" if is_legacy else "serving_default"
        call = SignatureCall(tf_internals.import_tensorflow(), signatures, signature or usual, handle)
        call.signature_named(signature)
        return call
