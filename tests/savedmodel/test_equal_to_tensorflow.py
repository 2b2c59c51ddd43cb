"""What `hub.inspect` reads is what TensorFlow's own readers and loaders report, over models of every kind."""

from __future__ import annotations

import collections
import functools
import os
import re

import pytest
import saved_models
from saved_models import tf

import rehub as hub
from rehub.savedmodel import read_metagraphs

v1 = tf.compat.v1


@functools.lru_cache(maxsize=None)
def inspected_once(path):
    return hub.inspect(path)


@functools.lru_cache(maxsize=None)
def loaded_by_v1(path):
    """The MetaGraphDefs that the loader of TF1 returns, by their tags; None where this TensorFlow lacks their ops."""
    found = {}
    for metagraph in read_metagraphs(f"{path}/saved_model.pb"):
        with tf.Graph().as_default(), v1.Session() as session:
            try:
                found[metagraph.tags] = v1.saved_model.load(session, sorted(metagraph.tags), path)
            except (tf.errors.NotFoundError, ValueError) as error:
                if "Op type not registered" in str(error) or "not in Op<" in str(error):
                    return None  # An op of a package, or to TensorFlow 1.15 an attribute of an op that is newer.
                raise
    return found


def each(inspected):
    """The models with what TF1's loader says of them; those with ops that are not here are left out."""
    for name, path in sorted(inspected.items()):
        loaded = loaded_by_v1(path)
        if loaded is not None:
            yield name, inspected_once(path), loaded


def shape_of(proto):
    return None if proto.unknown_rank else tuple(None if dim.size < 0 else dim.size for dim in proto.dim)


def tensors(infos):
    found = {}
    for name, info in infos.items():
        kind = info.WhichOneof("encoding")
        if kind == "composite_tensor":
            found[name] = "ragged"
        else:
            found[name] = (tf.as_dtype(info.dtype).name, shape_of(info.tensor_shape), kind == "coo_sparse", info.name)
    return found


def told(infos):
    return {
        info.name: "ragged"
        if info.kind == "ragged"
        else (info.dtype, info.shape, info.kind == "sparse", graph_name(info))
        for info in infos
    }


def graph_name(info):
    return "" if info.kind == "sparse" else info.tensor


def test_signatures(inspected):
    for name, info, loaded in each(inspected):
        for graph in info.graphs:
            expected = loaded[graph.tags].signature_def
            assert [found.name for found in graph.signatures] == sorted(
                key for key in expected if not key.startswith("__")
            ), name
            for found in graph.signatures:
                assert found.method_name == expected[found.name].method_name
                assert told(found.inputs) == tensors(expected[found.name].inputs), name
                assert told(found.outputs) == tensors(expected[found.name].outputs), name


def test_ops_and_how_often_they_occur(inspected):
    for name, info, loaded in each(inspected):
        for graph in info.graphs:
            graph_def = loaded[graph.tags].graph_def
            functions = {function.signature.name for function in graph_def.library.function}
            nodes = [*graph_def.node, *(node for function in graph_def.library.function for node in function.node_def)]
            counts = collections.Counter(node.op for node in nodes)
            assert (graph.nodes, graph.functions) == (len(nodes), len(functions)), name
            assert dict(graph.ops) == {op: count for op, count in counts.items() if op not in functions}, name


def test_variables_are_those_of_the_checkpoint(inspected):
    for name, path in sorted(inspected.items()):
        info = inspected_once(path)
        prefix = f"{path}/variables/variables"
        if not os.path.exists(f"{prefix}.index"):
            assert info.variables == ()
            continue
        listed = dict(tf.train.list_variables(prefix))
        dtypes = tf.train.load_checkpoint(prefix).get_variable_to_dtype_map()
        listed.pop("_CHECKPOINTABLE_OBJECT_GRAPH", None)
        # Contents of tables that change, and what an object of Keras writes of itself, are no variables.
        listed = {
            key: shape for key, shape in listed.items() if not re.search(r"-(keys|values)$|OBJECT_CONFIG_JSON", key)
        }
        assert {variable.key: list(variable.shape) for variable in info.variables} == listed, name
        for variable in info.variables:
            assert variable.dtype == dtypes[variable.key].name, name


def test_bytes_are_those_of_the_data_files(inspected):
    for name, path in sorted(inspected.items()):
        info = inspected_once(path)
        sizes = {variable.dtype: tf.as_dtype(variable.dtype).size for variable in info.variables}
        for variable in info.variables:
            if variable.dtype != "string":
                assert variable.bytes == variable.parameters * sizes[variable.dtype], name


def test_variables_of_a_module_are_those_of_the_collections(inspected):
    for name, info, loaded in each(inspected):
        for graph in info.graphs:
            collection = loaded[graph.tags].collection_def
            if info.format == "TF2 SavedModel":
                continue
            count = len(collection["variables"].bytes_list.value) if "variables" in collection else 0
            assert sum(variable.parts for variable in graph.variables) == count, name
            for found, key in (
                (graph.update_ops, "update_ops"),
                (graph.regularization_losses, "regularization_losses"),
            ):
                assert found == (len(collection[key].node_list.value) if key in collection else 0), name


def test_assets_are_the_files_that_are_there(inspected):
    for name, path in sorted(inspected.items()):
        directory = f"{path}/assets"
        files = {f"assets/{file}" for file in os.listdir(directory)} if os.path.isdir(directory) else set()
        info = inspected_once(path)
        assert {asset.path for asset in info.assets} == files, name
        assert all(asset.bytes == os.path.getsize(f"{path}/{asset.path}") for asset in info.assets)


def attribute(obj, path):
    """What a path leads to: `parts[0].kernel` in a restored object."""
    for name, index in re.findall(r"([^.\[\]]+)|\[([^\]]+)\]", path):
        obj = getattr(obj, name) if name else obj[eval(index)]
    return obj


def restored(inspected):
    for name, path in sorted(inspected.items()):
        info = inspected_once(path)
        # Restoring an optimizer of Keras 2 breaks Keras 2 for other tests: see restore/equality/test_optimizer.py.
        has_optimizer = any("optimizer" in variable.path for variable in info.variables)
        if info.format == "TF2 SavedModel" and not has_optimizer:
            yield name, info, tf.saved_model.load(path)


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 restores other objects")
def test_variables_and_functions_are_where_their_paths_lead(inspected):
    for name, info, obj in restored(inspected):
        for variable in info.variables:
            if variable.path:
                found = attribute(obj, variable.path)
                assert found.dtype.name == variable.dtype, name
                assert found.trainable == variable.trainable, name
        for function in info.callables:
            found = attribute(obj, function.path)
            assert callable(found), (name, function.path)
            if not hasattr(found, "concrete_functions"):
                continue
            expected = {specs(concrete.structured_input_signature) for concrete in found.concrete_functions}
            traces = {
                tuple(sorted((each.kind, each.dtype, str(each.shape)) for each in trace.inputs))
                for trace in function.traces
            }
            assert traces == expected, (name, function.path)


def specs(structure):
    kinds = {"TensorSpec": "dense", "SparseTensorSpec": "sparse", "RaggedTensorSpec": "ragged"}
    found = []
    for spec in tf.nest.flatten(structure):
        kind = kinds.get(type(spec).__name__)
        if kind is not None:
            shape = None if spec.shape.rank is None else tuple(spec.shape.as_list())
            found.append((kind, spec.dtype.name, str(shape)))
    return tuple(sorted(found))
