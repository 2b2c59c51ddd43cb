from __future__ import annotations

import contextlib
import re
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rehub.errors import CorruptModel, PackageMissing
from rehub.savedmodel.encodings.text_format import encode_text
from rehub.savedmodel.protos import AnyProto, AttrValue, CollectionDef, MapEntry, NameAttrList
from rehub.savedmodel.wire import Message


def read(text, message="AttrValue"):
    return Message(encode_text("model.pbtxt", text, message))


def error_of(text, message="AttrValue"):
    with pytest.raises(CorruptModel) as caught:
        encode_text("model.pbtxt", text, message)
    return str(caught.value)


def test_content_of_an_any_is_encoded():
    text = 'any_list { value { [type.googleapis.com/tensorflow.AssetFileDef] { filename: "a" } } }'
    packed = read(text, "CollectionDef").message(CollectionDef.any_list).message(1)
    assert packed.text(AnyProto.type_url) == "type.googleapis.com/tensorflow.AssetFileDef"
    assert list(packed.values(AnyProto.value)) == [b"\x12\x01a"]


@pytest.mark.parametrize("name", ["other.Type", "GraphDef", "tensorflow.Nothing"])
def test_any_of_an_unknown_type_is_refused(name):
    assert name in error_of(f"any_list {{ value {{ [type.googleapis.com/{name}] {{ }} }} }}", "CollectionDef")


def test_last_of_two_entries_with_a_key_counts():
    function = read('func { attr { key: "k" value { i: 1 } } attr { key: "k" value { i: 2 } } }').message(
        AttrValue.func
    )
    (entry,) = function.messages(NameAttrList.attr)
    assert entry.message(MapEntry.value).integer(AttrValue.i) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("i: 1\n  nonsense: 2", r"2:3 : .*no field named \"nonsense\""),
        ("i: 1 i: 2", r"1:\d+ : .*multiple \"i\" fields"),
        ("i: 1 f: 2", r"1:6 : .*another member of oneof \"value\""),
        ("i 1", r"1:3 : .*Expected \":\""),
        ("i: 1.5", r"1:4 : .*Couldn't parse integer: 1\.5"),
        ("i: 9223372036854775808", r"1:4 : .*out of range"),
        ("i: ", r"1:\d : .*Couldn't parse integer"),
        (f"i: {'9' * 999}", r"1:4 : "),
        (f"i: {'9' * 5000}", r"1:4: .*longer than 1000"),
        ("type: DT_NONE", r"1:7 : .*DT_NONE"),
        ('s: "abc', r"1:4 : .*String missing ending quote"),
        (r's: "\U00110000"', r"1:4 : .*can't decode"),
        (r'placeholder: "\377"', r"1:\d+ : .*'utf-8' codec"),
        ("list {", r"1:\d : .*Expected \"}\""),
        ("}", r"1:1 : .*Expected identifier"),
        ("[type.googleapis.com/tensorflow.GraphDef] {}", r"1:\d+ : .*extensions"),
    ],
)
def test_errors_name_the_place_and_the_reason(text, reason):
    message = error_of(text)
    assert message.startswith("'model.pbtxt' cannot be read as AttrValue in text form, ")
    assert re.search(reason, message)


def test_error_in_a_long_line_is_short():
    assert len(error_of("list { i: [" + "1," * 200_000)) < 500


@pytest.mark.parametrize("levels", [60, 100_000])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("list_value { values { ", "StructuredValue"),
        ("list_value < values < ", "StructuredValue"),
        ('func { attr { key: "{" value { ', "AttrValue"),
        ("any_info { [type.googleapis.com/tensorflow.MetaGraphDef] { meta_info_def { ", "MetaGraphDef.MetaInfoDef"),
    ],
)
def test_deep_nesting_is_refused(levels, text, message):
    assert "nested more than 100 deep" in error_of(text * levels, message)


def test_marks_in_strings_and_comments_are_not_nesting():
    assert list(read("# {{{ '\n" * 200 + 's: "' + "{<" * 200 + '\\"{"').values(AttrValue.s)) == [b"{<" * 200 + b'"{']


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
    "points": "f: 1" + ".1" * 1_000_000,
    "signs": "f: " + "-" * 1_000_000,
    "quotes": "\"'" * 500_000,
    "fields": "list { " + "i: 1\n" * 100_000,
    "brackets": "[" * 1_000_000,
    "a type of an Any": "[" + "a." * 500_000 + "]",
}


@pytest.mark.filterwarnings("ignore:.*invalid escape sequence")
@pytest.mark.parametrize("what", sorted(LONG))
def test_time_is_linear_in_the_text(what):
    start = time.perf_counter()
    with contextlib.suppress(CorruptModel):
        encode_text("model.pbtxt", LONG[what], "AttrValue")
    assert time.perf_counter() - start < 20  # Quadratic time would be hours.


@pytest.mark.filterwarnings("ignore:.*invalid escape sequence")
@settings(deadline=None)
@given(st.text(alphabet="{}<>[]:,;-\"'\\#\n aif01.exlstype_DT", max_size=60))
def test_any_text_is_encoded_or_refused(text):
    with contextlib.suppress(CorruptModel):
        encode_text("model.pbtxt", text, "AttrValue")


def test_missing_protobuf_is_named_with_the_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    with pytest.raises(PackageMissing, match=r"saved_model\.pbtxt.*pip install protobuf"):
        encode_text("saved_model.pbtxt", "saved_model_schema_version: 1")
