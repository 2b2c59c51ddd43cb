"""The files that a model needs, such as vocabularies."""

from __future__ import annotations

import os
import posixpath
from typing import Iterable

from rehub.inspection.model_info import AssetInfo
from rehub.savedmodel.graph_collections import Collections, read_asset_definitions
from rehub.savedmodel.protos import AssetFileDef
from rehub.savedmodel.wire import Message


def read_asset_names(metagraph: Message, collections: Collections) -> set[str]:
    """Return the names of the files that a MetaGraphDef lists.

    Raises:
        WireError: they cannot be read.
    """
    return {asset.text(AssetFileDef.filename) for asset in read_asset_definitions(metagraph, collections)}


def asset_path(name: str) -> str | None:
    """Return the path of an asset from the model's directory; None if its name points out of that directory."""
    path = posixpath.normpath(posixpath.join("assets", name.replace("\\", "/")))
    return None if path.startswith(("/", "..")) else path


def find_assets(directory: str, names: Iterable[str]) -> tuple[AssetInfo, ...]:
    """Return the assets of a model with their sizes, sorted by path. A file outside its directory counts as missing."""
    return tuple(sorted((_find_asset(directory, name) for name in set(names)), key=lambda asset: asset.path))


def _find_asset(directory: str, name: str) -> AssetInfo:
    path = asset_path(name)
    if path is None:
        return AssetInfo(posixpath.normpath(posixpath.join("assets", name.replace("\\", "/"))), None)
    try:
        return AssetInfo(path, os.stat(os.path.join(directory, path)).st_size)
    except (OSError, ValueError):  # It does not exist, or its name is not valid on this system.
        return AssetInfo(path, None)
