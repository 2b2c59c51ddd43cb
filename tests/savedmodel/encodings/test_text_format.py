from __future__ import annotations

import contextlib
import math
import re
import time

import pytest
import saved_models
import tensorflow as tf
from effort import scaled
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rehub import tf_internals
from rehub.errors import CorruptModel
from rehub.savedmodel import look, read_metagraphs
from rehub.savedmodel.encodings import saved_model_bytes
from rehub.savedmodel.encodings.text_format import wire_of_text

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
    return CLASSES[message].FromString(wire_of_text("model.pbtxt", text, message))


def by_protobuf(text, message="AttrValue"):
    return text_format.Parse(text, CLASSES[message]())


def refused(text, message="AttrValue"):
    with pytest.raises(CorruptModel) as caught:
        wire_of_text("model.pbtxt", text, message)
    return str(caught.value)


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
    as_text = saved_model_bytes(look(str(directory)))
    assert SavedModel.FromString(as_text) == SavedModel.FromString(content)
    assert read_metagraphs("saved_model.pb", as_text) == read_metagraphs("saved_model.pb", content)


def test_what_tensorflow_writes_as_text_is_read(tmp_path):
    path = saved_models.save_v1(tmp_path / "model", as_text=True)
    text = (tmp_path / "model" / "saved_model.pbtxt").read_text()
    assert SavedModel.FromString(saved_model_bytes(look(path))) == by_protobuf(text, "SavedModel")


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
    fields = list(message.DESCRIPTOR.fields)
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
    assert CLASSES[name].FromString(wire_of_text("model.pbtxt", text, name)) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "i: 0x1F",
        "i: 017",
        "i: -9223372036854775808",
        "f: 1",
        "f: -1.5e-3f",
        "f: .5",
        "f: 1e60",
        "f: -inf",
        "f: Infinity",
        "b: true",
        "b: f",
        "b: 1",
        "type: DT_FLOAT",
        "type: 7",
        "type: DT_INT8_REF",
        's: "a" "b"\n\'c"\'',
        r's: "\a\b\f\n\r\t\v\\\'\""',
        r's: "\1\12\123\x4\x41"',
        r's: "\000\377"',
        's: "käse"',
        "list { i: [1, 2, 3] i: 4 f: [] }",
        "list: < i: 1, i: 2; >",
        "list { shape [{ dim { size: 1 } }, < >] }",
        "# nothing\n list { # here\n type: [DT_FLOAT, 3] }",
        'func { name: "f" attr { key: "k" value { i: 1 } } attr { key: "l" value { i: 2 } } }',
    ],
)
def test_each_way_to_write_a_value_is_read_as_protobuf_reads_it(text):
    assert read(text) == by_protobuf(text)


def test_a_number_that_is_none_is_read():
    assert math.isnan(read("f: nan").f)
    assert math.isnan(read("f: -nan").f)


def test_what_only_the_specification_has_is_read():
    assert read("i: - 5").i == -5
    assert read(r's: "\?\X41"').s == b"?A"
    assert read(r's: "\u00e4\U0001F600"').s == "ä😀".encode()


def test_the_content_of_an_any_is_read():
    text = 'any_list { value { [type.googleapis.com/tensorflow.AssetFileDef] { filename: "a" } } }'
    assert read(text, "CollectionDef") == by_protobuf(text, "CollectionDef")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("i: 1\n  nonsense: 2", r"2:3: AttrValue has no field 'nonsense'"),
        ("i: 1 i: 2", r"1:6: AttrValue has one 'i' at most"),
        ("i: 1 f: 2", r"1:6: AttrValue has one 'value' at most"),
        ("i 1", r"':' is expected after 'i'"),
        ("i: 1.5", r"a whole number is expected, not '1\.5'"),
        ("i: 08", r"a whole number is expected"),
        ("i: 9223372036854775808", r"1:4: 9223372036854775808 is not between"),
        ("i: ", r"not the end"),
        (f"i: {'9' * 5000}", r"a whole number is expected"),
        ("f: ten", r"a number is expected"),
        ("b: yes", r"true or false"),
        ("type: DT_NONE", r"DataType has no value 'DT_NONE'"),
        ('s: "abc', r"1:4: the string does not end"),
        ('s: "a\nb"', r"1:4: the string does not end"),
        (r's: "\q"', r"stands for nothing"),
        (r's: "\400"', r"stands for nothing"),
        (r's: "\ud800"', r"stands for nothing"),
        ("s: 5", r"a string is expected"),
        (r'placeholder: "\377"', r"not UTF-8"),
        ("list {", r"1:7: '\}' or the name of a field is expected"),
        ("list { >", r"'\}' or the name of a field is expected"),
        ("list: 3", r"'\{' is expected"),
        ("list { i: [1 2] }", r"',' or '\]' is expected"),
        ("list { shape [{} {}] }", r"',' or '\]' is expected"),
        ("}", r"1:1: the name of a field is expected"),
        ("i: 1 !", r"'!' is out of place"),
        ("[type.googleapis.com/tensorflow.GraphDef] {}", r"is no field of AttrValue"),
        ("[", r"'\]' is missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, reason):
    message = refused(text)
    assert message.startswith("'model.pbtxt' cannot be read as AttrValue in text form, ")
    assert re.search(reason, message)


@pytest.mark.parametrize("name", ["other.Type", "GraphDef", "tensorflow.Nothing"])
def test_an_any_of_an_unknown_type_is_refused(name):
    text = f"any_list {{ value {{ [type.googleapis.com/{name}] {{ }} }} }}"
    assert f"{name!r} is no message that a SavedModel is known to hold" in refused(text, "CollectionDef")


def test_of_two_entries_with_a_key_the_last_counts():
    assert read('func { attr { key: "k" value { i: 1 } } attr { key: "k" value { i: 2 } } }').func.attr["k"].i == 2


@pytest.mark.parametrize("levels", [200, 100_000])
def test_what_is_nested_too_deep_is_refused(levels):
    assert "nested more than 100 deep" in refused("list_value { values { " * levels, "StructuredValue")


LONG = {
    "spaces": " " * 2_000_000 + "!",
    "a comment": "#" * 2_000_000,
    "comments": "# a\n" * 400_000,
    "escaped quotes": 's: "' + '\\"' * 1_000_000,
    "backslashes": 's: "' + "\\\\" * 1_000_000,
    "unusual escapes": 's: "' + r"\?" * 300_000 + '"',
    "a list": "list { i: [" + "1," * 200_000,
    "strings": "list { s: " + '"a" ' * 200_000,
    "digits": "i: " + "1" * 2_000_000,
    "brackets": "[" * 1_000_000,
}


@pytest.mark.parametrize("what", sorted(LONG))
def test_the_time_is_linear_in_the_text(what):
    start = time.perf_counter()
    with contextlib.suppress(CorruptModel):
        wire_of_text("model.pbtxt", LONG[what], "AttrValue")
    assert time.perf_counter() - start < 20  # What is quadratic takes hours.


@settings(deadline=None)
@given(st.text(alphabet="{}<>[]:,;-\"'\\#\n aif01.exlstype_DT", max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(CorruptModel):
        wire_of_text("model.pbtxt", text, "AttrValue")
