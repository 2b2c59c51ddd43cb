from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_messages import varint

from rehub.savedmodel.wire import BYTES, FIXED32, FIXED64, VARINT, Message, WireError


def encode(fields):
    out = b""
    for number, kind, value in fields:
        out += varint(number << 3 | kind)
        if kind == VARINT:
            out += varint(value)
        else:
            out += (varint(len(value)) if kind == BYTES else b"") + value
    return out


NUMBERS = st.integers(1, (1 << 29) - 1)
FIELDS = st.lists(
    st.one_of(
        st.tuples(NUMBERS, st.just(VARINT), st.integers(0, (1 << 64) - 1)),
        st.tuples(NUMBERS, st.just(BYTES), st.binary(max_size=300)),
        st.tuples(NUMBERS, st.just(FIXED32), st.binary(min_size=4, max_size=4)),
        st.tuples(NUMBERS, st.just(FIXED64), st.binary(min_size=8, max_size=8)),
    ),
    max_size=20,
)


@given(FIELDS)
def test_what_was_encoded_is_read_back(fields):
    buffer = encode(fields)
    read = [
        (number, kind, value if kind == VARINT else buffer[value[0] : value[1]])
        for number, kind, value in Message(buffer).fields()
    ]
    assert read == fields


@given(FIELDS.filter(bool), st.data())
def test_a_truncated_message_is_an_error_or_ends_between_two_fields(fields, data):
    buffer = encode(fields)
    cut = data.draw(st.integers(0, len(buffer) - 1))
    ends = {len(encode(fields[:count])) for count in range(len(fields) + 1)}
    if cut in ends:
        assert len(list(Message(buffer[:cut]).fields())) < len(fields)
    else:
        with pytest.raises(WireError):
            list(Message(buffer[:cut]).fields())


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(buffer):
    try:
        fields = list(Message(buffer).fields())
    except WireError:
        return
    assert len(fields) <= len(buffer)
    for _, kind, value in fields:
        assert kind == VARINT or 0 <= value[0] <= value[1] <= len(buffer)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_texts_are_utf_8(texts):
    message = Message(encode([(7, BYTES, text.encode()) for text in texts]))
    assert list(message.texts(7)) == texts
    assert message.text(7) == (texts[-1] if texts else "")


@pytest.mark.parametrize(
    ("buffer", "reason"),
    [
        (b"\x80" * 11, "64 bits"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "64 bits"),
        (b"\x00\x00", "not a field number"),
        (b"\x0b", "wire type 3"),
        (b"\x0a\xff\xff\xff\xff\x0f", "claims 4294967295 bytes where 0 are left"),
        (b"\x09\x00", "claims 8 bytes where 1"),
        (b"\x08", "ends within a number"),
    ],
)
def test_a_hostile_message_is_refused_with_the_reason(buffer, reason):
    with pytest.raises(WireError, match=reason):
        list(Message(buffer).fields())


def test_a_field_of_another_type_than_expected_is_refused():
    message = Message(encode([(1, VARINT, 5), (2, BYTES, b"\xff")]))
    with pytest.raises(WireError, match=r"wire type 0"):
        list(message.texts(1))
    with pytest.raises(WireError, match=r"wire type 2"):
        list(message.integers(2))
    with pytest.raises(WireError, match=r"not UTF-8"):
        message.text(2)


def test_a_message_in_two_pieces_is_read_as_one():
    message = Message(encode([(1, BYTES, encode([(2, VARINT, 5)])), (1, BYTES, encode([(2, VARINT, 6)]))]))
    assert list(message.message(1).integers(2)) == [5, 6]
    assert [list(piece.integers(2)) for piece in message.messages(1)] == [[5], [6]]


def test_empty_message_differs_from_an_absent_one():
    message = Message(encode([(1, BYTES, b"")]))
    assert message.message(1)
    assert not message.message(2)
