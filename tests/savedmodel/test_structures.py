from __future__ import annotations

import pytest
from saved_models import tf
from wire_messages import field

from rehub.savedmodel.structures import NamedTuple, Repr, Spec, flatten, read_structure
from rehub.savedmodel.wire import Message, WireError


def read(content):
    return read_structure(Message(content))


NONE = field(1, b"")


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"", None),
        (NONE, None),
        (field(14, 1), True),
        (field(12, 3), -2),
        (field(12, 4), 2),
        (bytes([11 << 3 | 1]) + b"\0\0\0\0\0\0\xf8\x3f", 1.5),
        (field(13, b"text"), "text"),
        (field(32, tf.int64.as_datatype_enum), Repr("tf.int64")),
        (field(51, field(1, NONE) * 2), [None, None]),
        (field(52, b""), ()),
        (field(53, field(1, field(1, b"key") + field(2, field(14, 0)))), {"key": False}),
        (
            field(54, field(1, b"Pair") + field(2, field(1, b"left") + field(2, NONE))),
            NamedTuple("Pair", (("left", None),)),
        ),
        (field(33, field(1, b"x") + field(2, field(2, b"")) + field(3, 1)), Spec("dense", "float32", (0,), "x")),
        (field(31, field(3, 1)), Repr("tf.TensorShape(None)")),
    ],
    ids=str,
)
def test_values_are_read(content, value):
    assert read(content) == value


def test_of_several_values_the_last_counts():
    assert read(field(13, b"first") + field(14, 1)) is True


def test_a_nest_that_is_too_deep_is_refused():
    content = NONE
    for _ in range(100):
        content = field(51, field(1, content))
    with pytest.raises(WireError, match="nested more than 64 deep"):
        read(content)


@pytest.mark.parametrize("content", [field(13, b"\xff"), bytes([51 << 3 & 0x7F | 0x80, 3, 1])], ids=["text", "number"])
def test_message_without_a_value_is_refused(content):
    with pytest.raises(WireError):
        read(content)


def test_leaves_have_the_paths_that_python_uses():
    nest = {"a": [1, (2,)], "b": NamedTuple("Pair", (("left", 3),))}
    assert list(flatten(nest, "x")) == [("x['a'][0]", 1), ("x['a'][1][0]", 2), ("x['b'].left", 3)]
