"""Assets: files that a module's graph reads, such as vocabularies.

In a SavedModel each is a file under `assets/`, and a table says which constant of the graph holds its path. In memory,
a module's graph has absolute paths in those constants, and the collection ASSET_FILEPATHS lists them.
"""

from __future__ import annotations

import posixpath
from typing import Any, Iterable

from rehub import tf_internals
from rehub.errors import CorruptModel, InvalidModule
from rehub.savedmodel.nodes import node_name

DIRECTORY = "assets"
FILEPATHS = "asset_filepaths"  # tf.compat.v1.GraphKeys.ASSET_FILEPATHS
_TABLE = "saved_model_assets"  # tf.compat.v1.saved_model.ASSETS_KEY
_PLACEHOLDER = b"SAVEDMODEL-ASSET"


def absolutize_paths(meta_graphs: Iterable[Any], path: str) -> None:
    """Write the paths of a SavedModel's assets into the constants of its graphs, and remove the table of assets.

    Raises:
        CorruptModel: an asset is outside of the model's directory, or does not belong to a constant of the graph.
    """
    for meta_graph in meta_graphs:
        file_of = {node_name(asset.tensor_info.name): asset.filename for asset in _read_asset_table(meta_graph)}
        if _TABLE in meta_graph.collection_def:
            del meta_graph.collection_def[_TABLE]
        del meta_graph.asset_file_def[:]
        constants = {node.name: node for node in meta_graph.graph_def.node if node.name in file_of}
        for name, file in file_of.items():
            if name not in constants or not _is_path_constant(constants[name]):
                raise CorruptModel(
                    f"{path!r}: asset {file!r} belongs to node {name!r}, which is not a constant string."
                )
            constants[name].attr["value"].tensor.string_val[0] = _join_asset_path(path, file).encode()
        if file_of:
            listed = meta_graph.collection_def[FILEPATHS].node_list.value
            listed.extend(sorted({f"{name}:0" for name in file_of} - set(listed)))


def _read_asset_table(meta_graph: Any) -> list[Any]:
    assets = list(meta_graph.asset_file_def)
    if _TABLE in meta_graph.collection_def:
        for packed in meta_graph.collection_def[_TABLE].any_list.value:
            asset = _new_asset(meta_graph)
            packed.Unpack(asset)
            assets.append(asset)
    return assets


def _new_asset(meta_graph: Any) -> Any:
    # AssetFileDef has no public name, but a field of its type has its class.
    asset = type(meta_graph)().asset_file_def.add()
    return type(asset)()


def _join_asset_path(path: str, file: str) -> str:
    directory = posixpath.join(path, DIRECTORY)
    joined = posixpath.normpath(file.replace("\\", "/"))
    if joined.startswith(("/", "..")) or ":" in joined.partition("/")[0] or joined == ".":
        raise CorruptModel(f"{path!r} names an asset outside of its directory: {file!r}. Do not trust it.")
    return posixpath.join(directory, joined)


def find_asset_paths(meta_graph: Any) -> dict[str, str]:
    """Return the paths in a graph, after `absolutize_paths`, by the names of the tensors that hold them."""
    if FILEPATHS not in meta_graph.collection_def:
        return {}
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    constants = {tensor: nodes[node_name(tensor)] for tensor in meta_graph.collection_def[FILEPATHS].node_list.value}
    return {tensor: node.attr["value"].tensor.string_val[0].decode() for tensor, node in constants.items()}


def relativize_paths(meta_graphs: Iterable[Any]) -> dict[str, str]:
    """Replace the paths of assets by a table of assets, in graphs that are to be written.

    Returns:
        For each name under `assets/`, the path of the file to copy there.

    Raises:
        InvalidModule: ASSET_FILEPATHS lists a tensor that is not a constant string.
    """
    name_of: dict[str, str] = {}
    for meta_graph in meta_graphs:
        if FILEPATHS not in meta_graph.collection_def:
            continue
        listed = {node_name(tensor) for tensor in meta_graph.collection_def[FILEPATHS].node_list.value}
        table = meta_graph.collection_def[_TABLE].any_list.value
        nodes = (node for node in meta_graph.graph_def.node if node.name in listed)
        for node in sorted(nodes, key=lambda node: str(node.name)):
            if not _is_path_constant(node):
                raise InvalidModule(
                    f"The collection ASSET_FILEPATHS names {node.name!r}, a node {node.op}. Only constant strings, "
                    "each the path of a file, can be assets of a module."
                )
            path = node.attr["value"].tensor.string_val[0].decode()
            asset = _new_asset(meta_graph)
            asset.filename = name_of.setdefault(path, _choose_unused_name(path, set(name_of.values())))
            asset.tensor_info.name = f"{node.name}:0"
            table.add().Pack(asset)
            node.attr["value"].tensor.string_val[0] = _PLACEHOLDER
    return {name: path for path, name in name_of.items()}


def _is_path_constant(node: Any) -> bool:
    string = tf_internals.import_tensorflow().string.as_datatype_enum
    tensor = node.attr["value"].tensor
    # TensorFlow would take tensor_content instead of the string.
    return (
        node.op == "Const"
        and node.attr["dtype"].type == string
        and len(tensor.string_val) == 1
        and not tensor.tensor_content
    )


def _choose_unused_name(path: str, used: set[str]) -> str:
    stem, extension = posixpath.splitext(posixpath.basename(path.replace("\\", "/")))
    name, number = stem + extension, 0
    while name in used:
        number += 1
        name = f"{stem}_{number}{extension}"
    return name
