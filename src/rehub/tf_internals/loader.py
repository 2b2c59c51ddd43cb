"""TensorFlow's loader of SavedModels."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from typing import Any, Mapping

from rehub.tf_internals.gradients import lock_gradient_building
from rehub.tf_internals.input_names import RenamingPruner, accept_all_names, accept_sanitized_names
from rehub.tf_internals.protos import read_debug_info
from rehub.tf_internals.tensorflow import import_tensorflow, parse_version, tensorflow_version
from rehub.tf_internals.v1_nodes import make_importable
from rehub.tf_internals.v1_signatures import LenientPruner, explain_unfed_placeholders, make_extractable


def load_model(path: str, tags: list[str] | None, options: Any, has_odd_names: bool = False) -> Any:
    """Load a SavedModel by TensorFlow's own loader, so that TF1 models share no state with each other.

    In a graph of TF1, the ops that set reference variables are added to the initializers of tables, as that graph has
    no variable to initialize.

    Args:
        has_odd_names: whether it is a graph of TF1 with a signature that TensorFlow cannot call by its inputs' names.
    """
    tf = import_tensorflow()
    if parse_version(tf.__version__) < (2, 0):
        return _load_by_1_15(path, tags)
    given = {} if options is None else {"options": options}  # The argument is missing before 2.3.
    # The loader's collection since TensorFlow 2.0. Seen in 2.15, 2.21.
    collection = "saved_model_initializers"
    with tf.init_scope():
        before = set() if tf.executing_eagerly() else set(map(id, tf.compat.v1.get_collection(collection)))
        loaded = (_load_graph_of_tf1 if has_odd_names else tf.compat.v1.saved_model.load_v2)(path, tags, **given)
        if not tf.executing_eagerly() and loaded_with_reference_variables(loaded):
            for initializer in tf.compat.v1.get_collection(collection):
                if id(initializer) not in before:
                    tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.TABLE_INITIALIZERS, initializer)
        if inspect.ismethod(getattr(loaded, "prune", None)):  # A TF1 model has the method of its whole graph.
            loaded.prune = lock_gradient_building(loaded.prune.__self__).prune
        return loaded


def _load_graph_of_tf1(path: str, tags: list[str] | None, options: Any = None) -> Any:
    """Load a graph of TF1 as TensorFlow's loader does, with any names of its signatures' inputs."""
    loaded = _make_v1_loader_class()(path).load(tags, bool(getattr(options, "experimental_skip_checkpoint", False)))
    loaded.graph_debug_info = read_debug_info(path)
    return loaded


@functools.lru_cache(maxsize=None)
def _make_v1_loader_class() -> Any:
    from tensorflow.python.saved_model import load_v1_in_v2

    class Loader(load_v1_in_v2._EagerSavedModelLoader):  # type: ignore[misc]  # Seen in 1.15, 2.15, 2.21.
        def _extract_signatures(self, wrapped: Any, meta_graph_def: Any) -> Any:
            if tensorflow_version() < (2, 0):
                meta_graph_def = make_extractable(meta_graph_def, wrapped.graph)
                wrapped = LenientPruner(wrapped)
            functions = super()._extract_signatures(RenamingPruner(wrapped), meta_graph_def)
            for function in functions.values():
                accept_all_names(function)
            return functions

    return Loader


def loaded_with_reference_variables(loaded: Any) -> bool:
    """Whether a restored TF1 model has reference variables, which stay inside its functions."""
    graph = getattr(loaded, "graph", None)
    return graph is not None and any(op.type in ("Variable", "VariableV2") for op in graph.get_operations())


def _load_by_1_15(path: str, tags: list[str] | None) -> Any:
    """Load a SavedModel so that TF1 models share no variables and tables with each other."""
    tf = import_tensorflow()
    loader = _make_v1_loader_class()(path)
    metagraphs = loader._saved_model.meta_graphs
    if len(metagraphs) == 1 and metagraphs[0].HasField("object_graph_def"):
        from tensorflow.python.saved_model import load

        return load.load_internal(path, tags, _make_v2_loader_class())  # Seen in 1.15.
    for metagraph in metagraphs:
        make_importable(metagraph)
    with tf.init_scope(), explain_unfed_placeholders():
        return loader.load(tags=tags)


@functools.lru_cache(maxsize=None)
def _make_v2_loader_class() -> Any:
    from tensorflow.python.saved_model import load

    class Loader(load.Loader):  # type: ignore[misc]  # Seen in 1.15.
        def _recreate_function(self, proto: Any) -> Any:
            function, setter = super()._recreate_function(proto)
            traces = [self._proto.concrete_functions[name] for name in proto.concrete_functions]
            _use_keyword_only_defaults(function, traces)
            return function, setter

        def _recreate_bare_concrete_function(self, proto: Any) -> Any:
            concrete, setter = super()._recreate_bare_concrete_function(proto)
            accept_sanitized_names(concrete)
            return concrete, setter

        def _restore_checkpoint(self) -> None:
            # Newer versions write no checkpoint for a model without variables. For others a missing one is an error.
            has_variables = any(node.HasField("variable") for node in self._proto.nodes)
            index = os.path.join(self._export_dir, "variables", "variables.index")
            if has_variables or import_tensorflow().io.gfile.exists(index):
                prefix = index[: -len(".index")]
                _restore_objects(self.get(0), prefix)
                _restore_by_names(self._keep_unrestored_variables(), prefix)

        def _keep_unrestored_variables(self) -> dict[str, Any]:
            """Return the variables without values by name, after the functions that capture them own them."""
            found = {
                number: self._nodes[number]
                for number, node in enumerate(self._proto.nodes)
                if node.HasField("variable") and not _is_restored(self._nodes[number])
            }
            for name, function in self._proto.concrete_functions.items() if found else ():
                captured = [found[number] for number in function.bound_inputs if number in found]
                self._concrete_functions[name].graph._rehub_variables = captured
            return {self._proto.nodes[number].variable.name: variable for number, variable in found.items()}

    return Loader


def _use_keyword_only_defaults(function: Any, traces: list[Any]) -> None:
    """Let a restored function have the defaults of arguments that are given by keyword only, which 1.15 ignores.

    Args:
        traces: its SavedConcreteFunction messages. Those of TensorFlow 2.0 may lack arguments at their defaults.
    """
    spec = function._function_spec
    keywords = [set(each.canonicalized_input_signature.tuple_value.values[1].dict_value.fields) for each in traces]
    given = set.intersection(*keywords) if keywords else set()
    defaults = {name: value for name, value in (spec.fullargspec.kwonlydefaults or {}).items() if name in given}
    if defaults:
        spec._fullargspec = spec.fullargspec._replace(kwonlydefaults=defaults)
        spec.__class__ = _make_function_spec_class()


@functools.lru_cache(maxsize=None)
def _make_function_spec_class() -> Any:
    from tensorflow.python.eager import function

    class FunctionSpec(function.FunctionSpec):  # type: ignore[misc]  # Seen in 1.15.
        def canonicalize_function_inputs(self, *args: Any, **kwargs: Any) -> Any:
            given = {**self.fullargspec.kwonlydefaults, **kwargs}
            return super().canonicalize_function_inputs(*args, **given)

    return FunctionSpec


def _restore_objects(root: Any, prefix: str) -> None:
    """Restore the variables of objects as 1.15 does, without warnings of objects that only the checkpoint has.

    Newer versions write functions and their captures into it too, each of which would give a line.
    """
    from tensorflow.python.training.tracking import base, graph_view, util  # Seen in 1.15.

    tf = import_tensorflow()
    saver = util.TrackableSaver(graph_view.ObjectGraphView(root))
    with tf.device("CPU"):
        saver._file_prefix_placeholder = tf.constant(prefix)
    status = saver.restore(prefix)
    status.assert_existing_objects_matched()
    status.expect_partial()
    checkpoint = status._checkpoint
    for number, restored in dict(checkpoint.object_by_proto_id).items():
        # Restoring is done in eager mode; in a graph it is the variable's initializer.
        operations = base.CheckpointPosition(checkpoint=checkpoint, proto_id=number).restore_ops()
        if operations:
            restored._initializer_op = operations


def _is_restored(variable: Any) -> bool:
    """Whether a variable has a value, or an initializer in a graph. Seen in 1.15."""
    if import_tensorflow().executing_eagerly():
        return bool(variable.is_initialized())
    return variable.initializer is not None


def _restore_by_names(variables: Mapping[str, Any], prefix: str) -> None:
    """Restore variables to which no object leads: of an optimizer that `rehub convert --for-tensorflow` left out.

    Args:
        variables: by their names in the checkpoint. Those that it lacks, or has several of, stay without a value.
        prefix: the checkpoint's.
    """
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    if not variables:
        return
    tf = import_tensorflow()
    reader = tf.train.load_checkpoint(prefix)
    objects = trackable_object_graph_pb2.TrackableObjectGraph()
    objects.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    keys: dict[str, list[str]] = {}
    for node in objects.nodes:
        for attribute in node.attributes:
            keys.setdefault(attribute.full_name, []).append(attribute.checkpoint_key)
    for name, variable in variables.items():
        key = keys[name][0] if len(keys.get(name, ())) == 1 else None
        if key is not None:
            (value,) = tf.raw_ops.RestoreV2(
                prefix=prefix, tensor_names=[key], shape_and_slices=[""], dtypes=[variable.dtype.base_dtype]
            )
            restored = variable.assign(value, read_value=False)
        if not tf.executing_eagerly():
            variable._initializer_op = tf.no_op() if key is None else restored


_LOADER_MODULES = {
    "tensorflow.python.saved_model.load": ("Loader", "_WrapperFunction", "_call_attribute"),
    "tensorflow.python.saved_model.nested_structure_coder": ("decode_proto",),
    "tensorflow.python.saved_model.function_deserialization": (
        "RestoredFunction",
        "_call_concrete_function",
        "_concrete_function_callable_with",
        "_deserialize_function_spec_as_nonmethod",
        "_fix_fdef_in_place",
        "_gen_gradient_func",
        "_list_function_deps",
        "_restore_gradient_functions",
        "recreate_function",
        "set_preinitialized_function_spec",
    ),
    "tensorflow.python.pywrap_tfe": ("TFE_ContextSetRunEagerOpAsFunction",),
    "tensorflow.core.function.capture.restore_captures": ("get_tensor_from_node", "restore_captures"),
    "tensorflow.core.function.polymorphism.function_type": ("FunctionType", "from_structured_signature"),
    "tensorflow.python.checkpoint.checkpoint_options": ("CheckpointOptions",),
    "tensorflow.python.eager.context": ("FunctionCallOptions", "anonymous_name", "context"),
    "tensorflow.python.eager.function": ("ConcreteFunction",),
    "tensorflow.python.eager.polymorphic_function.atomic_function": ("InterpolateRuntimeError",),
    "tensorflow.python.eager.polymorphic_function.function_type_utils": ("canonicalize_function_inputs",),
    "tensorflow.python.eager.record": ("could_possibly_record",),
    "tensorflow.python.framework.function_def_to_graph": ("function_def_to_graph",),
    "tensorflow.python.framework.op_def_registry": ("get",),
    "tensorflow.python.framework.ops": ("Graph", "RegisterGradient", "uid"),
    "tensorflow.python.ops.custom_gradient": ("generate_name",),
    "tensorflow.python.ops.gen_resource_variable_ops": ("assign_variable_op", "var_handle_op"),
    "tensorflow.python.ops.gradients_util": ("POSSIBLE_GRADIENT_TYPES_NONE", "PossibleTapeGradientTypes"),
    "tensorflow.python.ops.handle_data_util": ("create_handle_data",),
    "tensorflow.python.ops.resource_variable_ops": ("BaseResourceVariable", "UninitializedVariable"),
    "tensorflow.python.ops.variables": ("validate_synchronization_aggregation_trainable",),
    "tensorflow.python.saved_model.revived_types": (
        "VersionedTypeRegistration",
        "deserialize",
        "register_revived_type",
        "registered_identifiers",
    ),
    "tensorflow.python.trackable.data_structures": ("List",),
}


_LOADER_METHODS = {
    "__init__": ("object_graph_proto", "saved_model_proto", "export_dir", "ckpt_options", "save_options", "filters"),
    "_add_object_graph_edges": ("proto", "node_id"),
    "_generate_ordered_node_ids": (),
    "_get_node_dependencies": ("proto",),
    "_load_checkpoint_save_and_restore_functions": (),
    "_load_nodes": (),
    "_recreate": ("proto", "node_id", "nodes"),
    "_recreate_base_user_object": ("proto", "node_id"),
    "_restore_checkpoint": (),
    "_setup_remaining_functions": (),
}


@functools.lru_cache(maxsize=None)
def find_incompatibility() -> str | None:
    """Return what the lazy loader needs and this TensorFlow lacks; None if nothing. As seen in 2.15, 2.21."""
    missing = find_missing_name(_LOADER_MODULES)
    if missing is not None:
        return missing
    for method, arguments in _LOADER_METHODS.items():
        function = getattr(loader_class(), method, None)
        if function is None or tuple(inspect.signature(function).parameters)[1:] != arguments:
            return f"{method} of its loader has other arguments"
    return None


def find_missing_name(modules: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the first of these modules and names that this TensorFlow lacks; None if it has all."""
    for module, names in modules.items():
        try:
            found = importlib.import_module(module)
        except ImportError:
            return f"it has no {module}"
        for name in names:
            if not hasattr(found, name):
                return f"{module} has no {name}"
    return None


def loader_class() -> Any:
    """Return the class that restores a TF2 SavedModel when an instance is made. Seen in 2.15, 2.21."""
    return importlib.import_module("tensorflow.python.saved_model.load").Loader


def checkpoint_options(options: Any) -> Any:
    """Return the options for reading the variables of a model that is loaded with these `LoadOptions`."""
    # Its public name tf.train.CheckpointOptions takes the same. Seen in 2.15, 2.21.
    return import_tensorflow().train.CheckpointOptions(experimental_io_device=options.experimental_io_device)
