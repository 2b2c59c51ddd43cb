"""Pictures of models: what is in them, and that no model can put markup into them."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import pytest

from rehub.cli.parser import parse_new_path
from rehub.inspection.model_info import (
    AssetInfo,
    CallableInfo,
    Capability,
    GraphInfo,
    MinimumTensorFlow,
    ModelInfo,
    SignatureInfo,
    TensorInfo,
    TraceInfo,
    VariableInfo,
)
from rehub.inspection.picture import draw_model, draw_model_page

pytest.importorskip("drawsvg", reason="drawsvg is not installed")

HOSTILE = '</text><script>alert(1)</script>&\x1b[2J\u202e" onload="x'


def model(name="kernel", variables=3, signatures=1):
    tensor = TensorInfo(name, "float32", (None, 4))
    no = Capability(False, name)
    graph = GraphInfo(
        tags=frozenset({"serve"}),
        signatures=tuple(SignatureInfo(f"{name}{i}", "", (tensor,), (tensor,)) for i in range(signatures)),
        ops=(("MatMul", 1),),
        nodes=1,
        functions=1,
        variables=tuple(
            VariableInfo(f"{name}/{i % 40}/w{i}", "", f"{i}", "float32", (i + 1, 4), True, 16 * (i + 1))
            for i in range(variables)
        ),
        update_ops=0,
        regularization_losses=0,
        v1_control_flow=(),
    )
    trace = TraceInfo((tensor,), ((name, "False"),), (tensor,))
    return ModelInfo(
        handle=name,
        path="/m",
        format="TF2 SavedModel",
        saved_by="",
        tensorflow_version="2.21.0",
        graphs=(graph,),
        callables=(CallableInfo("__call__", (name,), (trace,)),),
        assets=(AssetInfo(f"assets/{name}", 10), AssetInfo("assets/gone.txt", None)),
        attachments=(),
        missing_packages=(),
        minimum_tensorflow=MinimumTensorFlow("1.15"),
        can_be_called=no,
        can_be_fine_tuned=no,
        can_be_retrained=no,
        usage=("model = hub.load('/m')",),
        fingerprint=None,
    )


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_picture_names_signatures_functions_variables_and_assets():
    found = texts(draw_model(model()))
    for expected in ("kernel0", "model(kernel)", "kernel: float32[?, 4]", "kernel/2/w2", "assets/kernel", "missing"):
        assert expected in found
    assert found.index("kernel/2/w2") < found.index("kernel/0/w0")


def test_one_model_has_one_picture():
    assert draw_model(model()) == draw_model(dataclasses.replace(model()))


@pytest.mark.parametrize("draw", [draw_model, draw_model_page])
def test_names_in_a_model_are_escaped(draw):
    picture = draw(model(HOSTILE))
    assert "<script" not in picture
    assert not {"\x1b", "\u202e"} & set(picture)
    elements = list(ET.fromstring(picture[picture.index("<svg") : picture.index("</svg>") + 6]).iter())
    assert {element.tag.rpartition("}")[2] for element in elements} == {"svg", "defs", "rect", "text", "title"}
    assert not [name for element in elements for name in element.attrib if name.startswith("on")]


def test_a_large_model_is_summarised():
    large, huge = draw_model(model(variables=200)), draw_model(model(variables=5000, signatures=300))
    assert len(huge) < 40_000
    assert "and 293 more" in texts(huge)
    assert "and 25 more" in texts(large)
    assert "5 variables" in texts(large)


def test_show_writes_pictures_as_svg_and_html_only():
    assert parse_new_path(".svg", ".html")("m.svg").name == "m.svg"
    with pytest.raises(Exception, match="does not end in .svg or .html"):
        parse_new_path(".svg", ".html")("m.png")
