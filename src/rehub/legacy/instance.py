"""A module in a graph: its state is imported once, and its computation with each application."""

from __future__ import annotations

from typing import Any, Mapping

from rehub import tf_internals
from rehub.legacy import graph_defs
from rehub.legacy.application import Application, drop_uncomputable
from rehub.legacy.marker import make_marker
from rehub.legacy.ops import register_graph_ops
from rehub.legacy.partitioned_variables import recover_partitioned_variable_map
from rehub.legacy.saved_model import GraphVariants


class ModuleImpl:
    """A variant of a module's graph in the default graph: what a ModuleSpec puts there, behind `hub.Module`."""

    def __init__(
        self,
        variants: GraphVariants,
        meta_graph: Any,
        checkpoint: str | None,
        trainable: bool,
        name: str,
        label: str,
    ) -> None:
        """Import the module's state: its variables, tables and assets.

        Args:
            variants: all graphs of the module, for `export`.
            checkpoint: prefix of the files from which the variables will be initialized; None for their initializers.
            trainable: whether variables and regularization losses go into the collections for training.
            name: an unused name scope under the current one.

        Raises:
            MissingOp: TensorFlow lacks an op of the graph.
        """
        self._variants = variants
        self._meta_graph = meta_graph
        self._trainable = trainable
        v1 = tf_internals.import_tensorflow().compat.v1
        self._graph = v1.get_default_graph()
        register_graph_ops(meta_graph, label)
        # An application of the module may depend on the caller's ops. Its state must not.
        with v1.control_dependencies(None):
            variables, self._state = _import_state(meta_graph, name, trainable)
            self._variable_map = recover_partitioned_variable_map(variables)
            self._saver = None
            if self._variable_map:
                if checkpoint is not None:
                    v1.train.init_from_checkpoint(checkpoint, self._variable_map)
                # Made now, as the graph may be finalized when the module is exported.
                self._saver = v1.train.Saver(self._variable_map, sharded=True, write_version=v1.train.SaverDef.V2)

    def get_signature_name(self, signature: str | None) -> str:
        """Return the name of a signature; "default" for None."""
        return signature or "default"

    def create_apply_graph(self, signature: str, input_tensors: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Add a signature's computation to the default graph.

        Args:
            input_tensors: a tensor or composite tensor for each of its inputs.
            name: that of the name scope for it.

        Returns:
            The outputs by name.
        """
        graph = tf_internals.import_tensorflow().compat.v1.get_default_graph()
        application = Application(self._meta_graph, signature, input_tensors, self._state, self._trainable, name)
        return application.apply_in_graph() if graph is self._graph else application.apply_in_function()

    def export(self, path: str, session: Any) -> None:
        """Write the module with the values that its variables have in a session."""

        def save_variables(prefix: str) -> None:
            if self._saver is not None:
                self._saver.save(session, prefix, write_meta_graph=False, write_state=False)

        self._variants.write_module(path, make_marker(), save_variables)

    @property
    def variable_map(self) -> dict[str, Any]:
        """The variables by their names in the module; for a partitioned one, the list of its parts."""
        return self._variable_map


def _import_state(meta_graph: Any, name: str, trainable: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the module's variables, and all tensors that hold state, by name."""
    tf = tf_internals.import_tensorflow()
    keys = tf.compat.v1.GraphKeys
    collections = [
        keys.GLOBAL_VARIABLES,
        keys.MODEL_VARIABLES,
        keys.TABLE_INITIALIZERS,
        keys.ASSET_FILEPATHS,
        keys.COND_CONTEXT,
        keys.WHILE_CONTEXT,
    ]
    if trainable:
        collections += [keys.TRAINABLE_VARIABLES, keys.REGULARIZATION_LOSSES]
    imported = tf.compat.v1.MetaGraphDef()
    imported.CopyFrom(meta_graph)
    graph_defs.keep_collections(imported, collections)
    # A loss that depends on an input comes with the application that feeds it.
    drop_uncomputable(imported, keys.REGULARIZATION_LOSSES, bindings=())
    graph = tf.compat.v1.get_default_graph()
    scope = graph.unique_name(name, mark_as_used=False)
    graph_defs.prefix_shared_names(imported.graph_def, scope)
    variables = tf_internals.v1_graphs.import_meta_graph(imported, scope.rpartition("/")[2], {})
    state = {
        f"{node}:0": graph.get_tensor_by_name(f"{scope}/{node}:0")
        for node in graph_defs.find_state_nodes(imported.graph_def)
    }
    return {name.rpartition(":")[0]: variable for name, variable in variables.items()}, state
