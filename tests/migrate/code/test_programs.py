"""Programs print the same before and after they are rewritten: before on TensorFlow 1.15, after on the newest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from programs import PROGRAMS

tf = pytest.importorskip("tensorflow")

MODULES = Path(__file__).parents[2] / "data" / "legacy"
NUMBER = re.compile(r"-?\d+\.\d+")
IS_TF1 = tf.__version__.startswith("1.")


def run_program(text, capsys, monkeypatch):
    """What a program prints that runs among the modules."""
    monkeypatch.chdir(MODULES)
    tf.keras.backend.clear_session()
    exec(compile(text, "<program>", "exec"), {"__name__": "__main__"})
    return capsys.readouterr().out


def assert_prints(printed, expected):
    """Words and whole numbers are equal; numbers with decimals by the four that are written."""
    words, numbers = NUMBER.sub("#", printed).split(), [float(number) for number in NUMBER.findall(printed)]
    assert words == NUMBER.sub("#", expected).split()
    assert numbers == pytest.approx([float(number) for number in NUMBER.findall(expected)], abs=2e-4)


@pytest.mark.skipif(not IS_TF1, reason="the programs are for TensorFlow 1")
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore")
def test_program_prints_this_on_tensorflow_1(name, capsys, monkeypatch):
    pytest.importorskip("tensorflow_hub")
    before, expected = PROGRAMS[name]
    with tf.Graph().as_default():
        printed = run_program(before, capsys, monkeypatch)
    assert_prints(printed, expected)


@pytest.mark.skipif(IS_TF1, reason="what the programs become is for TensorFlow 2")
@pytest.mark.parametrize("name", PROGRAMS)
def test_rewritten_program_prints_the_same(name, capsys, monkeypatch):
    pytest.importorskip("libcst")
    from rehub.migrate.code.rewriting import rewrite

    before, expected = PROGRAMS[name]
    rewriting = rewrite(before, notes=True)
    assert [finding for finding in rewriting.findings if finding.kind == "c"] == []
    assert_prints(run_program(rewriting.source, capsys, monkeypatch), expected)
