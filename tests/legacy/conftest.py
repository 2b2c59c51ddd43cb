"""Fixtures for tests of legacy modules: a session as TF1 initializes it, and modules on disk."""

from __future__ import annotations

import pytest
from module_fns import export_module
from saved_models import tf

v1 = tf.compat.v1


@pytest.fixture
def run():
    """Run fetches in a new session of the current graph, after the usual initialization."""

    def run_initialized(fetches, feed_dict=None):
        with v1.Session() as session:
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            return session.run(fetches, feed_dict)

    return run_initialized


@pytest.fixture
def export(tmp_path):
    """Write a module with the initial values of its variables, and return its path."""

    def export_initial(module_fn, name="module", tags_and_args=None):
        return export_module(module_fn, tmp_path / name, tags_and_args)

    return export_initial
