"""Every check of the project, each in its own environment: `nox -l` lists them, `nox -s tf115` runs one.

A session whose Python is not on the machine is skipped. CONTRIBUTING.md says which tests run in which session.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv"  # virtualenv makes no environment for Python 3.7 any more
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"


def interpreter(version: str) -> str:
    """The path of a Python that runs, found on PATH or among pyenv's; else its version, for nox to report as missing.

    A pyenv shim on PATH is no proof: it fails unless its version is switched on, so each candidate is run.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))]
    for candidate in candidates:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    return version


PY37, PY311, PY313 = (interpreter(version) for version in ("3.7", "3.11", "3.13"))


def suite(session: nox.Session, selection: str, *requirements: str, **environment: str) -> None:
    """Install rehub with its test group and these requirements; run the tests with these markers, or what follows `--`.

    Tests that measure waiting run alone: `nox -s no-tf-3.13 -- -m alone`.
    """
    session.install("-e", ".", "--group", "test", *requirements)
    chosen = session.posargs or ["-m", f"{selection} and not alone"]
    session.run("pytest", *chosen, env={"REHUB_TEST_SESSION": session.name, **environment})


@nox.session(python=PY37, name="no-tf-3.7")
def no_tf_37(session: nox.Session) -> None:
    """The oldest Python, without TensorFlow: cache, transfer, formats, inspection, scan."""
    suite(session, "not tensorflow")


@nox.session(python=PY313, name="no-tf-3.13")
def no_tf_313(session: nox.Session) -> None:
    """The newest Python, without TensorFlow; tests of many random cases try all of them."""
    suite(session, "not tensorflow", REHUB_TEST_EFFORT="1")


@nox.session(python=PY37)
def tf115(session: nox.Session) -> None:
    """Where migrations start: Python 3.7, TensorFlow 1.15; tensorflow_hub 0.12 is beside it."""
    suite(session, "tensorflow", "tensorflow==1.15.5", "protobuf<3.21", "tensorflow-hub==0.12.0")


@nox.session(python=PY311)
def tf215(session: nox.Session) -> None:
    """The last TensorFlow with Estimator, and Keras 2; tests of many random cases try all of them."""
    # The oldest pyarrow that rehub takes. Versions from 26 on need NumPy 2, which this TensorFlow does not work with.
    suite(session, "tensorflow", "tensorflow==2.15.1", "pyarrow==18.1.0", REHUB_TEST_EFFORT="1")


@nox.session(python=PY311, name="tf2-peers")
def tf2_peers(session: nox.Session) -> None:
    """The newest TensorFlow with tensorflow_hub and tf_keras beside it: the tests that need one of them."""
    suite(session, "peers", "tensorflow", "--group", "peers")


@nox.session(python=PY311, name="tf2-legacy-keras")
def tf2_legacy_keras(session: nox.Session) -> None:
    """The newest TensorFlow with tf_keras as its `tf.keras`, by TF_USE_LEGACY_KERAS=1: the tests that make layers."""
    suite(session, "keras", "tensorflow", "tf-keras", TF_USE_LEGACY_KERAS="1")


@nox.session(python=PY313, name="tf2-new")
def tf2_new(session: nox.Session) -> None:
    """The newest Python that TensorFlow has, without distutils and setuptools: a selection of the tests."""
    session.install("-e", ".", "--group", "test", "tensorflow")
    session.run("uv", "pip", "uninstall", "setuptools", external=True, silent=True)
    session.run("pytest", *(session.posargs or ["-m", "smoke"]), env={"REHUB_TEST_SESSION": session.name})


@nox.session(python=PY311)
def beam(session: nox.Session) -> None:
    """Apache Beam, which imports tensorflow_hub, with rehub in place of it; bulk inference on Beam and Ray."""
    requirements = ["apache-beam", "tensorflow==2.15.1", "tensorflow-text==2.15.0"]
    session.install("-e", ".[batch,ray]", "hypothesis", "pytest", *requirements)
    # tensorflow-text installs it, but rehub must work without it.
    session.run("uv", "pip", "uninstall", "tensorflow-hub", external=True, silent=True)
    files = ("tests/dependents", "tests/test_beam.py", "tests/batch_inference/test_cluster_engines.py")
    session.run("pytest", "-m", "beam", *session.posargs, *files, env={"REHUB_TEST_SESSION": session.name})


@nox.session
def lint(session: nox.Session) -> None:
    """The style, by ruff."""
    session.install("--group", "lint")
    session.run("ruff", "check", ".")


@nox.session(name="format")
def format_(session: nox.Session) -> None:
    """The format, by ruff; `nox -s format -- --fix` rewrites what differs."""
    session.install("--group", "lint")
    session.run("ruff", "format", *([] if "--fix" in session.posargs else ["--check"]), ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types over src, by mypy."""
    session.install("-e", ".", "--group", "types")
    session.run("mypy")


@nox.session
def layers(session: nox.Session) -> None:
    """Which package may import which, by import-linter."""
    session.install("-e", ".", "--group", "layers")
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation site, by mkdocs: a dead link is an error."""
    session.install("-e", ".", "--group", "docs")
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(python=PY311)
def examples(session: nox.Session) -> None:
    """The scripts of examples/, one after the other, on one published model; tests/test_examples.py runs the rest."""
    session.install("-e", ".[serve]", "--group", "examples", "tensorflow")
    models = Path(session.create_tmp(), "models")
    session.run("python", "examples/publish_digits.py", str(models))
    for script in ("load", "feature_extraction", "fine_tuning"):
        session.run("python", f"examples/{script}.py", str(models))
    for script in ("fine_tune_module", "parameter_servers"):
        session.run("python", f"examples/legacy/{script}.py")


@nox.session(python=PY311)
def notebooks(session: nox.Session) -> None:
    """The notebooks of examples/, executed from top to bottom on small models in place of those of tfhub.dev."""
    session.install("-e", ".[serve]", "--group", "notebooks", "tensorflow")
    session.run("python", "examples/notebooks/execute.py", *session.posargs)


@nox.session(python=PY313, venv_backend="venv")
def install(session: nox.Session) -> None:
    """`pip install .` into an empty environment: no TensorFlow, no setuptools."""
    session.install(".")
    session.chdir(session.create_tmp())  # away from src/, so that what was installed is what is imported
    session.run("python", "-W", "error", "-c", "import rehub; print(rehub.__version__, rehub.__file__)")
    session.run("python", "-W", "error", "-c", "from rehub import *; print(load, resolve, KerasLayer)")
