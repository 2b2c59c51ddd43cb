"""`hub.Module`: a legacy module in the current graph of TF1, or of TensorFlow 2's compatibility mode."""

from __future__ import annotations

import contextlib
from typing import Any, Iterable, Iterator

from rehub import tf_internals
from rehub.errors import GraphRequired, InputMismatch, InvalidSetting, TagsNotFound
from rehub.legacy.loading import as_module_spec
from rehub.legacy.saved_model import explain_missing_variant
from rehub.legacy.tensor_info import ParsedTensorInfo, convert_inputs, select_output


@tf_internals.tracing.no_autograph
class Module:
    """A part of a TF1 graph, with weights, made in one program and used in others.

        module = hub.Module("/models/text_embedding")
        embeddings = module(["a sentence", "another"])

    Making a module adds its variables and tables to the current graph. Each call adds the ops of one signature; all
    signatures share the variables. As always in TF1, the program must initialize variables and tables: the initializers
    of the variables read the trained values from disk.

    A module needs a graph: in eager mode, use `hub.load` or `hub.KerasLayer`.
    """

    def __init__(
        self, spec: Any, trainable: bool = False, name: str = "module", tags: Iterable[str] | None = None
    ) -> None:
        """Add a module's state to the current graph.

        Variables go into GLOBAL_VARIABLES and MODEL_VARIABLES, initializers of tables into TABLE_INITIALIZERS and paths
        of assets into ASSET_FILEPATHS.

        Args:
            spec: a `hub.ModuleSpec`, or a handle to load one from.
            trainable: whether to add variables to TRAINABLE_VARIABLES, regularization losses to REGULARIZATION_LOSSES,
                and the update ops of each call to UPDATE_OPS.
            name: the name of the variable scope for the module, made unique if it is taken.
            tags: the set of strings that names the graph variant; unset, the empty set.

        Raises:
            GraphRequired: eager execution is enabled; the message shows what to do.
            TagsNotFound: no variant has these tags; the message lists the tags that exist.
            MissingOp: the graph uses an op that is not available; the message names the package that provides it.
            RuntimeError: the variable scope is unused, but its name scope is not.
        """
        with _leave_functions():
            self._graph = _current_graph()
            self._spec = as_module_spec(spec)
            self._trainable = trainable
            self._tags = set(tags or ())
            if self._tags not in [set(tags) for tags in self._spec.get_tags()]:
                raise TagsNotFound(explain_missing_variant(self._tags, self._spec.get_tags()))
            scope = _choose_state_scope(name)
            parent, _, self._name = scope.rpartition("/")
            with _enter_name_scope(parent + "/" if parent else ""):
                self._impl = self._spec._create_impl(name=self._name, trainable=trainable, tags=self._tags)  # noqa: SLF001

    def __call__(
        self, inputs: Any = None, _sentinel: None = None, signature: str | None = None, as_dict: bool | None = None
    ) -> Any:
        """Add the ops of a signature to the graph.

        Inside of `tf.cond`, `tf.while_loop` and functions within the module's graph, they become part of these.

        Args:
            inputs: a dict of dense, sparse or ragged tensors by name, or of values to convert; the single value for a
                signature with one input; None for no inputs.
            _sentinel: do not use; it prevents that the other arguments are given by position.
            signature: its name; unset, "default".
            as_dict: whether to return all outputs by name.

        Returns:
            The output named "default", or all outputs by name. Outputs that are not used cost nothing.

        Raises:
            SignatureNotFound: no signature has this name; the message lists those that exist.
            InputMismatch: the inputs do not fit the signature, or it has no output named "default".
            GraphRequired: the current graph is not the one that the module was made in.
        """
        if _sentinel is not None:
            raise InvalidSetting("A hub.Module takes its arguments after `inputs` by name: signature=..., as_dict=...")
        self._check_graph()
        signature = self._impl.get_signature_name(signature)
        expected = self._spec.get_input_info_dict(signature, self._tags)
        _check_supported(expected, signature, "input")
        _check_supported(self._spec.get_output_info_dict(signature, self._tags), signature, "output")
        outputs = self._impl.create_apply_graph(
            signature=signature,
            input_tensors=convert_inputs(inputs, expected),
            # The name of a signature of a SavedModel can have a colon. That of a scope cannot.
            name=f"{self._name}_apply_{signature.replace(':', '_')}",
        )
        return select_output(outputs, as_dict)

    def _check_graph(self) -> None:
        graph = _current_graph()
        while graph is not None and graph is not self._graph:
            graph = tf_internals.v1_graphs.outer_graph(graph)
        if graph is None:
            raise GraphRequired(
                "Module must be applied in the graph it was instantiated for. Make a module in each graph: "
                "hub.Module(...) inside of `with graph.as_default():`."
            )

    def get_signature_names(self) -> list[str]:
        """Return the names of the signatures of the module's graph variant."""
        return self._spec.get_signature_names(tags=self._tags)

    def get_input_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """Describe the inputs of a signature, as `ModuleSpec.get_input_info_dict` does."""
        return self._spec.get_input_info_dict(signature=signature, tags=self._tags)

    def get_output_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """Describe the outputs of a signature, as `ModuleSpec.get_output_info_dict` does."""
        return self._spec.get_output_info_dict(signature=signature, tags=self._tags)

    def get_attached_message(self, key: str, message_type: Any, required: bool = False) -> Any:
        """Return a message attached to the module's graph variant, as `ModuleSpec.get_attached_message` does."""
        return self._spec.get_attached_message(key, message_type, tags=self._tags, required=required)

    def export(self, path: str, session: Any) -> None:
        """Write the module with the values that its variables have in a session.

        All graph variants are written. The variant of this module must have all variables of the other variants.

        Args:
            path: a directory without a model. The module is written completely or not at all.
            session: a `tf.compat.v1.Session` of the module's graph.

        Raises:
            GraphRequired: the current graph or the session's graph is not the module's.
            ExportTargetTaken: there is already a model at `path`.
        """
        for owner, graph in (("default", _current_graph()), ("session", session.graph)):
            if graph is not self._graph:
                raise GraphRequired(
                    f"{owner} graph differs from the graph where the module was instantiated. Export it inside of "
                    "`with graph.as_default():`, with a session of that graph."
                )
        self._impl.export(path, session)

    @property
    def variable_map(self) -> dict[str, Any]:
        """The variables by their names in the `module_fn`; a partitioned variable is the list of its parts.

        The names do not depend on where the module is used, so `tf.compat.v1.train.init_from_checkpoint` can use them.
        """
        return self._impl.variable_map

    @property
    def variables(self) -> list[Any]:
        """All variables, sorted by their names in the module."""
        in_order = [self.variable_map[name] for name in sorted(self.variable_map)]
        return [part for variable in in_order for part in (variable if isinstance(variable, list) else [variable])]


@contextlib.contextmanager
def _leave_functions() -> Iterator[None]:
    """Enter the graph around the functions that are being built, where state has to be added."""
    tf = tf_internals.import_tensorflow()
    graph = tf.compat.v1.get_default_graph()
    in_function = not tf.executing_eagerly() and graph.building_function
    lifts = in_function and (
        tf_internals.v1_graphs.is_building_for_tpu(graph) or not tf_internals.v1_graphs.is_wrapped_graph(graph)
    )
    with tf.init_scope() if lifts else contextlib.nullcontext():
        yield


def _current_graph() -> Any:
    """Return the current graph.

    Raises:
        GraphRequired: eager execution is enabled.
    """
    tf = tf_internals.import_tensorflow()
    if tf.executing_eagerly():
        raise GraphRequired(
            "hub.Module needs a graph of TF1, and eager execution is enabled here. Use the model in eager mode:\n"
            "    model = hub.load(handle)              # or: layer = hub.KerasLayer(handle)\n"
            "    outputs = model(inputs)\n"
            "or build a graph:\n"
            "    with tf.Graph().as_default(), tf.compat.v1.Session() as session:\n"
            "        outputs = hub.Module(handle)(inputs)\n"
            "        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])\n"
            "        print(session.run(outputs))"
        )
    return tf.compat.v1.get_default_graph()


def _enter_name_scope(absolute: str) -> Any:
    return tf_internals.import_tensorflow().compat.v1.name_scope(absolute)


def _choose_state_scope(name: str) -> str:
    """Return an unused variable scope whose name scope is unused too.

    Raises:
        RuntimeError: the variable scope is unused, but not the name scope.
    """
    v1 = tf_internals.import_tensorflow().compat.v1
    outer = v1.get_variable_scope().name
    with _enter_name_scope(outer + "/" if outer else ""):
        with v1.variable_scope(None, default_name=name, auxiliary_name_scope=False) as scope:
            pass
        unused = v1.get_default_graph().unique_name(name, mark_as_used=False)
        if unused != scope.name:
            raise RuntimeError(
                f"variable_scope {scope.name}/ was unused but the corresponding name_scope was already taken. Give the "
                "module another name=."
            )
    return str(scope.name)


def _check_supported(infos: dict[str, ParsedTensorInfo], signature: str, kind: str) -> None:
    for name, info in sorted(infos.items()):
        if not info.is_supported_type:
            raise InputMismatch(
                f"Signature {signature!r} expects a {info.type_spec.value_type.__name__} for {kind} {name!r}, which is "
                "not supported: a module takes and returns dense, sparse and ragged tensors."
            )
