"""The files that a model brings along, such as vocabularies."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING, Iterable

from rehub.inspection.model_info import AssetInfo
from rehub.savedmodel.graph_collections import Collections, asset_definitions
from rehub.savedmodel.protos import AssetFileDef

if TYPE_CHECKING:
    from rehub.savedmodel.wire import Message

_DIRECTORY = "assets"


def asset_names(metagraph: Message, collections: Collections) -> set[str]:
    """Returns the names of the files that a MetaGraphDef lists.

    Raises:
        WireError: they cannot be read.
    """
    return {asset.text(AssetFileDef.filename) for asset in asset_definitions(metagraph, collections)}


def look_for_assets(directory: str, names: Iterable[str]) -> tuple[AssetInfo, ...]:
    """Returns the files of these names, sorted by path, with their sizes.

    Args:
        directory: that of the model.
        names: those that its graphs list. One that leaves the directory is told as a file that is missing.
    """
    return tuple(sorted((_look_for(directory, name) for name in set(names)), key=lambda asset: asset.path))


def _look_for(directory: str, name: str) -> AssetInfo:
    path = posixpath.normpath(posixpath.join(_DIRECTORY, name.replace("\\", "/")))
    size = None
    if not path.startswith(("/", "..")):
        try:
            size = os.stat(os.path.join(directory, path)).st_size
        except (OSError, ValueError):  # There is none, or there can be none of such a name.
            size = None
    return AssetInfo(path, size)
