"""Fixtures for tests of legacy modules: a session as TF1 initializes it, and modules on disk."""

from __future__ import annotations

import pytest
from saved_models import tf

import rehub as hub

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
        spec = hub.create_module_spec(module_fn, tags_and_args)
        path = str(tmp_path / name)
        with tf.Graph().as_default(), v1.Session() as session:
            module = hub.Module(spec, tags=spec.get_tags()[-1])
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            module.export(path, session)
        return path

    return export_initial
