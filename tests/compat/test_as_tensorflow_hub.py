"""rehub in place of tensorflow_hub, for programs that import tensorflow_hub."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys

import pytest
from forked_programs import run_forked
from saved_models import save_shift

import rehub

pytestmark = pytest.mark.smoke

PROGRAM = """
import sys
import tensorflow_hub as hub
from tensorflow_hub import keras_layer, module_v2

model = module_v2.load(sys.argv[1])
print(hub.KerasLayer is keras_layer.KerasLayer, hub.__version__.startswith("0.16.1+rehub"), model([1.0]).numpy())
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


# As `python -m rehub.as_tensorflow_hub`.
RUN_AS_TENSORFLOW_HUB = """
import runpy, sys
sys.path.insert(0, "")
runpy.run_module("rehub.as_tensorflow_hub", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("how", [["program.py"], ["-m", "program"]])
def test_a_program_runs_unchanged(script, tmp_path, how):
    if sys.version_info < (3, 8):
        pytest.skip("TensorFlow 1.15 is not eager in a fresh process, and the program is")
    model = save_shift(tmp_path / "model")
    assert run_forked(RUN_AS_TENSORFLOW_HUB, *how, model, cwd=tmp_path).strip() == "True True [5.]"


def test_end_of_with_undoes_the_installation():
    before = sys.modules.get("tensorflow_hub"), importlib.util.find_spec("tensorflow_hub") is not None
    with rehub.install_as_tensorflow_hub():
        import tensorflow_hub

        assert tensorflow_hub.load is rehub.load
        assert importlib.util.find_spec("tensorflow_hub").origin == rehub.__file__
        assert tensorflow_hub.__file__ == rehub.__file__
    after = sys.modules.get("tensorflow_hub"), importlib.util.find_spec("tensorflow_hub") is not None
    assert after == before


def test_warns_of_an_earlier_import_and_restores_the_real_package(monkeypatch, caplog):
    real = type(sys)("tensorflow_hub")
    monkeypatch.setitem(sys.modules, "tensorflow_hub", real)
    installation = rehub.install_as_tensorflow_hub()
    assert importlib.import_module("tensorflow_hub") is not real
    assert "imported before rehub took its place" in caplog.text
    installation.uninstall()
    installation.uninstall()
    assert sys.modules["tensorflow_hub"] is real


def test_every_submodule_has_all_its_names():
    with rehub.install_as_tensorflow_hub():
        hub = importlib.import_module("tensorflow_hub")
        for submodule in dir(hub):
            if submodule not in hub.__all__:
                module = importlib.import_module(f"tensorflow_hub.{submodule}")
                assert [name for name in dir(module) if not hasattr(module, name)] == []
        assert hub.module_v2.load is rehub.load


def test_error_of_a_private_name_explains_it():
    with rehub.install_as_tensorflow_hub():
        with pytest.raises(AttributeError, match="atomic_download was private to tensorflow_hub"):
            importlib.import_module("tensorflow_hub.resolver").atomic_download  # noqa: B018
        with pytest.raises(ImportError):
            importlib.import_module("tensorflow_hub.no_such_module")


def test_logs_the_installation(caplog):
    with caplog.at_level(logging.INFO, "rehub"), rehub.install_as_tensorflow_hub():
        assert "returns rehub" in caplog.text
