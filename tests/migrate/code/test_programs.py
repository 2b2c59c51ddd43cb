"""Programs print the same before and after they are rewritten: before on TensorFlow 1.15, after on the newest."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from forked_programs import run_forked
from programs import PROGRAMS

tf = pytest.importorskip("tensorflow")

MODULES = Path(__file__).parents[2] / "data" / "legacy"
NUMBER = re.compile(r"-?\d+\.\d+")
IS_TF1 = tf.__version__.startswith("1.")


@pytest.fixture(autouse=True)
def unchanged_log_level():
    """Restore the level of TensorFlow's logger, which one of the programs sets."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    yield
    logger.setLevel(level)


def assert_prints(printed, expected):
    """Words and whole numbers are equal; numbers with decimals by the four that are written."""
    words, numbers = NUMBER.sub("#", printed).split(), [float(number) for number in NUMBER.findall(printed)]
    assert words == NUMBER.sub("#", expected).split()
    assert numbers == pytest.approx([float(number) for number in NUMBER.findall(expected)], abs=2e-4)


# Other tests switch the behavior of TensorFlow 2 on in their process; these programs are from before it.
RUN_ALL = """
import contextlib, io, json, sys
import tensorflow as tf
from programs import PROGRAMS

printed = {}
for name, (program, _) in PROGRAMS.items():
    tf.keras.backend.clear_session()
    with contextlib.redirect_stdout(io.StringIO()) as output, tf.Graph().as_default():
        exec(compile(program, name, "exec"), {"__name__": "__main__"})
    printed[name] = output.getvalue()
json.dump(printed, sys.stdout)
"""


@pytest.fixture(scope="module")
def printed_on_tensorflow_1():
    """What each program prints, by name."""
    pytest.importorskip("tensorflow_hub")
    return json.loads(run_forked(RUN_ALL, cwd=MODULES))


@pytest.mark.skipif(not IS_TF1, reason="the programs are for TensorFlow 1")
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_prints_this_on_tensorflow_1(name, printed_on_tensorflow_1):
    assert_prints(printed_on_tensorflow_1[name], PROGRAMS[name][1])


@pytest.mark.skipif(IS_TF1, reason="what the programs become is for TensorFlow 2")
@pytest.mark.parametrize("name", PROGRAMS)
def test_rewritten_program_prints_the_same(name, capsys, monkeypatch):
    pytest.importorskip("libcst")
    from rehub.migrate.code.rewriting import rewrite

    before, expected = PROGRAMS[name]
    rewriting = rewrite(before, notes=True)
    assert [finding for finding in rewriting.findings if finding.kind == "c"] == []
    monkeypatch.chdir(MODULES)
    tf.keras.backend.clear_session()
    exec(compile(rewriting.source, "<program>", "exec"), {"__name__": "__main__"})
    assert_prints(capsys.readouterr().out, expected)
