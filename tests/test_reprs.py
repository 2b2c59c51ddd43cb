"""The representation of objects in a shell and in a notebook."""

from __future__ import annotations

import re

from saved_models import LEGACY, save_shift

import rehub as hub


def test_repr_of_a_loaded_model_names_its_parts(tmp_path):
    model = hub.load(save_shift(tmp_path / "shift"), loader="auto")
    if hub.load_report(model).loader != "lazy":
        return  # TensorFlow's object has TensorFlow's repr.
    assert re.fullmatch(r"<restored object, callable, with: .*\binner\b.*\bsignatures\b.*>", repr(model))
    assert hub.load_report(model).loader == "lazy"
    assert model([1.0]).numpy() == [5.0]


def test_repr_of_a_scan_names_its_findings(tmp_path):
    report = hub.scan(save_shift(tmp_path / "shift"))
    assert re.fullmatch(r"<ScanReport: .*: nothing found in \d+ nodes and \d+ functions>", repr(report))
    assert report._repr_html_().count("<tr>") == 0
    assert "<table><caption>" in report._repr_html_()
    module = hub.scan(str(LEGACY / "text_embed"))
    assert module.summary() in repr(module)


def test_repr_of_an_installation_says_whether_it_is_active():
    with hub.install_as_tensorflow_hub() as installation:
        assert repr(installation) == "<Installation: `import tensorflow_hub` returns rehub>"
    assert "uninstalled" in repr(installation)
