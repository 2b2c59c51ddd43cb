"""Files are written as they were: encoding, line ends, mode."""

from __future__ import annotations

import codecs
import os
import stat

import pytest

from rehub.migrate.code.sources import read_source, write_file


@pytest.mark.parametrize(
    "content",
    [
        b"x = 1\ny = 2\n",
        b"x = 1\r\ny = 2\r\n",
        b"x = 1\r\ny = 2\n",
        b"x = 1\ry = 2\r",
        b"x = 1\ry = 2\n",
        b"no end",
        b"",
        codecs.BOM_UTF8 + "é = 1\r\n".encode(),
        "# -*- coding: latin-1 -*-\né = 1\n".encode("latin-1"),
        b'"\\r\\n"\r\n',
    ],
)
def test_bytes_come_back(content, tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(content)
    source = read_source(path)
    assert source.encode(source.text) == content


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_are_those_of_the_file(end, tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"x = 1" + end)
    source = read_source(path)
    assert source.text == "x = 1\n"
    assert source.encode(source.text + "y\n") == b"x = 1" + end + b"y" + end


@pytest.mark.parametrize("encoding", ["unicode_escape", "utf-7", "rot13", "zlib"])
def test_a_program_that_would_be_written_as_other_bytes_is_left_as_it_is(encoding, tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(f"# coding: {encoding}\nx = '+AGE-'\n".encode())
    with pytest.raises(ValueError, match=f"encoding '{encoding}' would be written"):
        read_source(path)


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path):
    path, link = tmp_path / "a.py", tmp_path / "link.py"
    path.write_bytes(b"a")
    path.chmod(0o750)
    link.symlink_to(path)
    write_file(link, b"b")
    assert link.is_symlink()
    assert path.read_bytes() == b"b"
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert sorted(os.listdir(tmp_path)) == ["a.py", "link.py"]
