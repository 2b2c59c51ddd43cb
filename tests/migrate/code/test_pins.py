"""Requirements of tensorflow-hub."""

from __future__ import annotations

import pytest

from rehub.migrate.code.pins import edit_shell_line, find_pins, is_requirements_file


@pytest.mark.parametrize(
    ("line", "edited"),
    [
        ("!pip install -q tensorflow-hub==0.7.0 \\\n    seaborn", "!pip install -q rehub \\\n    seaborn"),
        ('!pip3 install "tensorflow_hub>=0.6,<0.8" numpy', '!pip3 install "rehub" numpy'),
        ("%pip install tensorflow-hub", "%pip install rehub"),
        ("pip install tensorflow-hub", "pip install rehub"),
        ("!conda install -y tensorflow-hub=0.12", "!conda install -y rehub"),
        ("!pip uninstall tensorflow-hub", "!pip uninstall tensorflow-hub"),
        ("!pip install tensorflow-hub-x my-tensorflow-hub", "!pip install tensorflow-hub-x my-tensorflow-hub"),
        ("!pip install git+https://x.org/tensorflow-hub", "!pip install git+https://x.org/tensorflow-hub"),
        ("!ls tensorflow-hub", "!ls tensorflow-hub"),
        ("%tensorflow_version 1.x", None),
    ],
)  # fmt: skip
def test_commands_of_notebooks_install_rehub(line, edited):
    assert edit_shell_line(line) == edited


def test_pins_are_noted():
    text = "numpy\ntensorflow-hub==0.7  # tensorflow-hub\ntensorflow-gpu==1.15.0\ntensorflow>=1.14,<2\n"
    assert [(finding.line, finding.kind) for finding in find_pins(text)] == [(2, "note"), (3, "note")]
    assert find_pins("tensorflow==1.15\n") == []


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.in", "setup.cfg", "pyproject.toml", "environment.yml"]
)
def test_lists_of_requirements_are_known_by_their_names(name):
    assert is_requirements_file(name)
    assert not is_requirements_file("notes.txt")
