from __future__ import annotations

import pytest
import saved_models
import tensorflow as tf
from effort import scaled
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rehub import tf_internals
from rehub.savedmodel import detect_layout, read_metagraphs
from rehub.savedmodel.encodings import read_model_bytes
from rehub.savedmodel.encodings.text_format import encode_text

SavedModel = type(tf_internals.protos.new_saved_model())
MetaGraphDef = tf.compat.v1.MetaGraphDef
CLASSES = {
    "SavedModel": SavedModel,
    "MetaGraphDef": MetaGraphDef,
    "GraphDef": tf.compat.v1.GraphDef,
    "AttrValue": tf.compat.v1.AttrValue,
    "TensorProto": type(tf.compat.v1.AttrValue().tensor),
    "StructuredValue": type(
        MetaGraphDef().object_graph_def.concrete_functions["name"].canonicalized_input_signature,
    ),
    "CollectionDef": type(MetaGraphDef().collection_def["key"]),
}


def read(text, message="AttrValue"):
    return CLASSES[message].FromString(encode_text("model.pbtxt", text, message))


def by_protobuf(text, message="AttrValue"):
    return text_format.Parse(text, CLASSES[message]())


@pytest.mark.parametrize("name", ["conv_bn", "multi_sig", "text_embed"])
def test_a_model_in_text_is_that_in_bytes(name):
    model = SavedModel.FromString((saved_models.LEGACY / name / "saved_model.pb").read_bytes())
    assert read(text_format.MessageToString(model), "SavedModel") == model


def test_a_tf2_model_in_text_is_that_in_bytes(tmp_path):
    directory = tmp_path / "model"
    saved_models.save_shift(directory)
    content = (directory / "saved_model.pb").read_bytes()
    text = text_format.MessageToString(SavedModel.FromString(content))
    (directory / "saved_model.pbtxt").write_text(text)
    (directory / "saved_model.pb").rename(directory / "other.pb")
    as_text = read_model_bytes(detect_layout(str(directory)))
    assert SavedModel.FromString(as_text) == SavedModel.FromString(content)
    assert read_metagraphs("saved_model.pb", as_text) == read_metagraphs("saved_model.pb", content)


def test_what_tensorflow_writes_as_text_is_read(tmp_path):
    path = saved_models.save_v1(tmp_path / "model", as_text=True)
    text = (tmp_path / "model" / "saved_model.pbtxt").read_text()
    assert SavedModel.FromString(read_model_bytes(detect_layout(path))) == by_protobuf(text, "SavedModel")


# Anything that messages of these kinds can hold, for as many levels as Hypothesis feels like.

INTEGERS = {
    "INT32": (-(1 << 31), (1 << 31) - 1),
    "INT64": (-(1 << 63), (1 << 63) - 1),
    "SINT64": (-(1 << 63), (1 << 63) - 1),
    "UINT32": (0, (1 << 32) - 1),
    "UINT64": (0, (1 << 64) - 1),
    "FIXED64": (0, (1 << 64) - 1),
    "ENUM": (-3, 40),
}
SCALARS = {
    **{getattr(FieldDescriptor, f"TYPE_{name}"): st.integers(*bounds) for name, bounds in INTEGERS.items()},
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32, allow_nan=False),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.TYPE_STRING: st.text(max_size=6),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=12),
}


def fill(message, data, depth):
    # GraphDebugInfo is of protobuf 2, where a zero that is written differs from one that is left out; not in the text.
    fields = [field for field in message.DESCRIPTOR.fields if field.name != "debug_info"]
    chosen = data.draw(st.lists(st.sampled_from(fields), max_size=3)) if fields else []
    for field in chosen:
        value = getattr(message, field.name)
        repeated = hasattr(value, "append") or hasattr(value, "add") or hasattr(value, "get_or_create")
        if field.message_type is None:
            drawn = data.draw(SCALARS[field.type])
            if repeated:
                value.append(drawn)
            else:
                setattr(message, field.name, drawn)
        elif field.message_type.GetOptions().map_entry:
            key, inner = field.message_type.fields
            name = data.draw(SCALARS[key.type])
            if inner.message_type is None:
                value[name] = data.draw(SCALARS[inner.type])
            else:
                _ = value[name]
                if depth:
                    fill(value[name], data, depth - 1)
        else:
            inner = value.add() if repeated else value
            inner.SetInParent()
            if depth:
                fill(inner, data, depth - 1)


@settings(deadline=None, max_examples=scaled(60), suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(CLASSES)), st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.data())
def test_what_protobuf_writes_is_read_as_it_was(name, on_one_line, pointed, in_lists, utf8, data):
    message = CLASSES[name]()
    fill(message, data, depth=4)
    text = text_format.MessageToString(
        message, as_one_line=on_one_line, pointy_brackets=pointed, use_short_repeated_primitives=in_lists, as_utf8=utf8
    )
    assert CLASSES[name].FromString(encode_text("model.pbtxt", text, name)) == message
