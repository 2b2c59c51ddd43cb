"""Files of Python: read and written with their encoding, line ends and mode; and parsed."""

from __future__ import annotations

import ast
import codecs
import io
import os
import stat
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

from rehub.staging import write_atomically


@dataclass(frozen=True)
class SourceText:
    r"""The text of a file, and how it is written as bytes.

    Attributes:
        text: the text. Lines end in "\n", unless the file mixes line ends: then they are as in the file.
        encoding: what its byte order mark or its `coding` comment says; UTF-8 without either.
        newline: what its lines end in.
    """

    text: str
    encoding: str
    newline: str = "\n"

    def encode(self, text: str) -> bytes:
        """Return the bytes of another text in this encoding and with these line ends.

        Raises:
            UnicodeEncodeError: the encoding has no such character.
        """
        return text.replace("\n", self.newline).encode(self.encoding)


def read_source(path: Path, is_notebook: bool = False) -> SourceText:
    """Read a file of Python, or a notebook.

    Raises:
        OSError: it cannot be read.
        ValueError: its bytes are not text in its encoding, or the text would not give the same bytes again.
        SyntaxError: it names an encoding that Python does not know.
    """
    content = path.read_bytes()
    if is_notebook:
        encoding = "utf-8-sig" if content.startswith(codecs.BOM_UTF8) else "utf-8"
        return SourceText(content.decode(encoding), encoding)
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    try:
        source = _split_off_line_ends(content.decode(encoding), encoding)
        is_kept = source.encode(source.text) == content
    except LookupError:  # Such as rot13, which is an encoding of text as text.
        is_kept = False
    if not is_kept:  # Such as unicode_escape, which would write the program as one line.
        raise ValueError(f"text in its encoding {encoding!r} would be written as other bytes, so it is left as it is")
    return source


def _split_off_line_ends(text: str, encoding: str) -> SourceText:
    ends = text.count("\n")
    if ends and ends == text.count("\r\n") == text.count("\r"):
        return SourceText(text.replace("\r\n", "\n"), encoding, "\r\n")
    if not ends and "\r" in text:
        return SourceText(text.replace("\r", "\n"), encoding, "\r")
    return SourceText(text, encoding)


def parse_program(source: str) -> ast.Module:
    """Return the syntax tree of a program, without the warnings of Python about it.

    Raises:
        SyntaxError: it is not a program of this Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (ValueError, RecursionError) as error:  # null bytes, and nesting that is too deep
            raise SyntaxError(str(error)) from error


def is_parsable(source: str) -> bool:
    """Return whether this Python understands a program."""
    try:
        parse_program(source)
    except SyntaxError:
        return False
    return True


def write_file(path: Path, content: bytes) -> None:
    """Write a file that readers see as it was or as it is now, never in part. It keeps its mode; a link stays a link.

    Raises:
        OSError: it cannot be written. It is as it was.
    """
    target = Path(os.path.realpath(path))
    with write_atomically(target) as staging:
        staging.write_bytes(content)
        if target.exists():
            staging.chmod(stat.S_IMODE(target.stat().st_mode))
