"""Turn a SavedModel in protobuf's text format into the bytes of a `saved_model.pb`.

The `protobuf` that is installed parses it, with descriptors in a pool of our own: TensorFlow is not needed, and its
generated code not touched. The format: https://protobuf.dev/reference/protobuf/textformat-spec.
"""

from __future__ import annotations

import re

from rehub.errors import CorruptModel, PackageMissing
from rehub.escaping import escape
from rehub.savedmodel.encodings.message_classes import message_class

_MAX_DEPTH = 100  # Protobuf reads messages nested no deeper than this from bytes.
_MAX_DIGITS = 1000  # Before Python 3.11, int() takes quadratic time.
# What makes the parser of protobuf recurse, or take more than linear time; strings and comments are skipped. A string
# may lack its end, so that no place is tried twice.
_TOKEN = re.compile(
    rf"\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|#[^\n]*|(?P<open>[{{<])|(?P<close>[}}>])"
    rf"|(?P<long>\w{{{_MAX_DIGITS},}})"
)


def encode_text(path: str, text: str, message: str = "SavedModel") -> bytes:
    """Return the bytes of a message in text form.

    >>> list(encode_text("saved_model.pbtxt", "saved_model_schema_version: 1"))
    [8, 1]

    Args:
        message: the type of the message, by its name in the package `tensorflow`.

    Raises:
        CorruptModel: the text is not such a message; names the file, the line and the column.
        PackageMissing: protobuf is not installed.
    """
    try:
        from google.protobuf import text_format
    except ImportError as error:
        raise PackageMissing(f"{path!r} is in protobuf's text format; to read it: pip install protobuf") from error
    try:
        _check_bounds(text)
        parsed = message_class(message)()
        text_format.Parse(text, parsed, descriptor_pool=parsed.DESCRIPTOR.file.pool)
        return bytes(parsed.SerializeToString(deterministic=True))
    except (text_format.ParseError, ValueError, RecursionError) as error:
        reason = str(error)
        if len(reason) > 300:  # Some versions of protobuf put all of a line between the place and the reason.
            reason = f"{reason[:60]} ... {reason[-200:]}"
        raise CorruptModel(f"{path!r} cannot be read as {message} in text form, {escape(reason, 300)}") from error


def _check_bounds(text: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "open":
            depth += 1
        elif token.lastgroup == "close":
            depth -= 1
        elif token.lastgroup == "long":
            raise ValueError(
                f"{_format_place(text, token.start())}: a name or number is longer than {_MAX_DIGITS} letters"
            )
        if depth >= _MAX_DEPTH:
            raise ValueError(f"{_format_place(text, token.start())}: messages are nested more than {_MAX_DEPTH} deep")


def _format_place(text: str, position: int) -> str:
    return f"{text.count(chr(10), 0, position) + 1}:{position - text.rfind(chr(10), 0, position)}"
