"""Directories of models to serve."""

from __future__ import annotations

import importlib.util
import shutil

import pytest
from services import directory_of

if importlib.util.find_spec("starlette") is None:  # The extra `serve` needs Python 3.10.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A plain directory of models: acme/text in two versions, acme/images in one."""
    root = tmp_path_factory.mktemp("served") / "plain"
    models = {"acme/text/1": "text_embed", "acme/text/2": "text_embed_part", "acme/images/1": "conv_bn"}
    for name, model in models.items():
        shutil.copytree(str(directory_of(model)), str(root / name))
    return root


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A directory for archives and the index."""
    return tmp_path_factory.mktemp("archives")


@pytest.fixture(scope="module")
def hub_directory(tmp_path_factory):
    """An empty directory to publish into."""
    from rehub.server.publishing import HubDirectory

    return HubDirectory.create(tmp_path_factory.mktemp("served") / "hub").root
