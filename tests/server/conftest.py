"""Directories of models to serve."""

from __future__ import annotations

import importlib.util
import shutil

import pytest
from services import directory_of

if importlib.util.find_spec("starlette") is None:  # The extra `serve` needs Python 3.10.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def plain(tmp_path):
    """A plain directory of models: acme/text in two versions, acme/images in one."""
    root = tmp_path / "plain"
    for name, model in (
        ("acme/text/1", "text_embed"),
        ("acme/text/2", "text_embed_part"),
        ("acme/images/1", "conv_bn"),
    ):
        shutil.copytree(str(directory_of(model)), str(root / name))
    return root


@pytest.fixture
def hub_directory(tmp_path):
    """An empty directory to publish into."""
    from rehub.server.publishing import HubDirectory

    return HubDirectory.create(tmp_path / "hub").root
