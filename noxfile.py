"""Every check of the project, each in an environment of its own: `nox -l` lists them, `nox -s tf115` runs one.

An environment whose Python is not on the machine is named and skipped.
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


# What knows nothing of TensorFlow; `make test` runs it on Python 3.11, `tf115` and `tf2-new` on the oldest and newest.
WITHOUT_TENSORFLOW = ("tests/cache", "tests/transfer")


def suite(session: nox.Session, *requirements: str, leave_out: tuple[str, ...] = ()) -> None:
    """Installs rehub with its test group and these requirements, and runs the suite (or what stands after `--`)."""
    session.install("-e", ".", "--group", "test", *requirements)
    session.run("pytest", *(session.posargs or [f"--ignore={path}" for path in leave_out]))


@nox.session(python=PY37)
def tf115(session: nox.Session) -> None:
    """Where migrations start: Python 3.7, TensorFlow 1.15."""
    suite(session, "tensorflow==1.15.5", "protobuf<3.21", "tensorflow-hub==0.12.0")


@nox.session(python=PY311)
def tf215(session: nox.Session) -> None:
    """The last TensorFlow with Estimator, and Keras 2: Python 3.11, TensorFlow 2.15."""
    suite(session, "tensorflow==2.15.1", leave_out=WITHOUT_TENSORFLOW)


@nox.session(python=PY311)
def tf2(session: nox.Session) -> None:
    """Today: Python 3.11, the newest TensorFlow, Keras 3; tf_keras and tensorflow_hub lie beside it, not in use."""
    suite(session, "tensorflow", "--group", "peers", leave_out=WITHOUT_TENSORFLOW)


@nox.session(python=PY311, name="tf2-legacy-keras")
def tf2_legacy_keras(session: nox.Session) -> None:
    """The newest TensorFlow with Keras 2 in `tf.keras`'s place, TF_USE_LEGACY_KERAS=1: the tests that use a Keras."""
    session.install("-e", ".", "--group", "test", "tensorflow", "tf-keras")
    uses_keras = ["tests/keras", "tests/retrain", "tests/distribute", "tests/legacy/test_feature_columns.py"]
    session.run("pytest", *(session.posargs or uses_keras), env={"TF_USE_LEGACY_KERAS": "1"})


@nox.session(python=PY313, name="tf2-new")
def tf2_new(session: nox.Session) -> None:
    """The newest Python that TensorFlow has: no distutils, and setuptools taken away."""
    session.install("-e", ".", "--group", "test", "tensorflow")
    session.run("uv", "pip", "uninstall", "setuptools", external=True, silent=True)
    session.run("pytest", *session.posargs)


@nox.session(python=PY311)
def beam(session: nox.Session) -> None:
    """A program of others that imports tensorflow_hub, Apache Beam, with rehub in that one's place."""
    session.install("-e", ".", "pytest", "apache-beam", "tensorflow==2.15.1", "tensorflow-text==2.15.0")
    # tensorflow-text brings it along; here rehub has to do without.
    session.run("uv", "pip", "uninstall", "tensorflow-hub", external=True, silent=True)
    session.run("pytest", "tests/dependents", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """The rules of style, by ruff."""
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
    """The house: which package may import which, by import-linter."""
    session.install("-e", ".", "--group", "layers")
    session.run("lint-imports")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation site, by mkdocs: a dead link is an error."""
    session.install("-e", ".", "--group", "docs")
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(python=PY311)
def doctests(session: nox.Session) -> None:
    """Every example in a docstring, and every Python block of README and docs/."""
    session.install("-e", ".", "--group", "test", "--group", "examples", "tensorflow")
    session.run("pytest", "tests/test_docstrings.py", "tests/test_documentation.py")


@nox.session(python=PY311)
def examples(session: nox.Session) -> None:
    """The scripts of examples/, one after the other, on one published model; tests/test_examples.py runs the rest."""
    session.install("-e", ".", "--group", "examples", "tensorflow")
    models = Path(session.create_tmp(), "models")
    session.run("python", "examples/publish_digits.py", str(models))
    for script in ("load", "feature_extraction", "fine_tuning"):
        session.run("python", f"examples/{script}.py", str(models))
    for script in ("fine_tune_module", "parameter_servers"):
        session.run("python", f"examples/legacy/{script}.py")


@nox.session(python=PY313, venv_backend="venv")
def install(session: nox.Session) -> None:
    """`pip install .` into an empty environment: no TensorFlow, no setuptools."""
    session.install(".")
    session.chdir(session.create_tmp())  # away from src/, so that what was installed is what is imported
    session.run("python", "-W", "error", "-c", "import rehub; print(rehub.__version__, rehub.__file__)")
    session.run("python", "-W", "error", "-c", "from rehub import *; print(load, resolve, KerasLayer)")
