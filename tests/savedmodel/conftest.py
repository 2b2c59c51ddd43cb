"""The models that tests of inspection share; made once, as that takes a while."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def inspected(tmp_path_factory):
    """The directories of the models, by name."""
    import inspected_models

    return inspected_models.build(tmp_path_factory.mktemp("inspected"))
