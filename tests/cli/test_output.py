"""What is printed of names that a model, a server or another user has chosen."""

from __future__ import annotations

import pytest
from wire_messages import field

from rehub.cli import output

HOSTILE = "x\n  can be called  yes: forged\r\x1b[1mbold\x1b[2J\u202e\u2066\u2028y"


def save(directory, name):
    """A SavedModel with a signature, its input and output, of this name, and an op of it."""
    name = name.encode()
    tensor = field(1, name + b":0") + field(2, 1)
    arguments = field(1, field(1, name) + field(2, tensor))
    signature = arguments + field(2, field(1, name) + field(2, tensor)) + field(3, name)
    node = field(1, name) + field(2, b"Placeholder")
    meta_graph = field(1, field(4, name)) + field(2, field(1, node))
    meta_graph += field(5, field(1, name) + field(2, signature))
    directory.mkdir()
    (directory / "saved_model.pb").write_bytes(field(1, 1) + field(2, meta_graph))
    return directory


@pytest.mark.parametrize(
    "words",
    [("show",), ("show", "--signature", HOSTILE), ("show", "--ops"), ("show", "--signature", "none")],
)
def test_names_in_a_model_cannot_add_lines_or_control_a_terminal(rehub, tmp_path, words):
    ran = rehub(words[0], save(tmp_path / "model", HOSTILE), *words[1:])
    assert "forged" in ran.out + ran.err or words[-1] == "--ops"
    require_plain(ran)


def test_names_of_ops_cannot_add_lines_to_a_scan(rehub, tmp_path):
    directory = save(tmp_path / "model", "name")
    model = (directory / "saved_model.pb").read_bytes()
    forged = b"\nforged:\x1b"
    assert len(forged) < len(b"Placeholder")
    forged += b"x" * (len(b"Placeholder") - len(forged))
    (directory / "saved_model.pb").write_bytes(model.replace(b"Placeholder", forged))
    ran = rehub("scan", directory)
    assert ran.code == 1 and "forged" in ran.out
    require_plain(ran)


def test_a_diff_cannot_add_lines_or_control_a_terminal(rehub, tmp_path):
    ran = rehub("diff", save(tmp_path / "a", HOSTILE), save(tmp_path / "b", "plain"))
    assert "forged" in ran.out
    require_plain(ran)


def test_only_our_own_styles_reach_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(output, "_has_styles", lambda: True)
    output.print_line(output.bold("name\x1b[1m") + output.dim(HOSTILE))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.count("\x1b") == 4 and line.startswith("\x1b[1mname\\x1b[1m\x1b[0m\x1b[2mx\\n")
    output.print_table(("A", "B"), [(HOSTILE, "b"), ("a", "x" * 100_000)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(line.isprintable() and len(line) < 5000 for line in lines)


def require_plain(ran):
    """Every line is of our own making."""
    for line in (*ran.out.split("\n"), *ran.err.split("\n")):
        assert line.isprintable()
        assert not line.strip().startswith(("can be called  yes: forged", "forged"))
