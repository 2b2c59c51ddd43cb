"""Notebooks as programs, and back: what is not changed stays byte for byte."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehub.migrate.code.magics import MagicLines
from rehub.migrate.code.notebooks import Notebook, NotebookError

LINES = st.sampled_from(
    [
        "", "x = 1", "    y = 'é < &'", "%matplotlib inline", "!ls -l \\\n    modules", "if x:", "    !pip install a",
        "files = !ls", "hub.Module?", 'text = """', '%d items"""', "f(a,", "  b)", "#@title Setup", "%%time", "%%bash",
        "value = a \\", "% b", "# (", "s = '(' \"'''\"",
    ]
)  # fmt: skip


@st.composite
def sources(draw):
    """A cell's code, as a string or as a list, which need not be a list of lines."""
    source = "\n".join(draw(st.lists(LINES, max_size=6))) + draw(st.sampled_from(["", "\n"]))
    form = draw(st.sampled_from(["string", "lines", "odd"]))
    if form == "string":
        return source
    return source.splitlines(keepends=True) if form == "lines" else [source[:3], source[3:]]


@st.composite
def notebooks(draw):
    """The text of a notebook."""
    cells = []
    for kind, source in draw(st.lists(st.tuples(st.sampled_from(["code", "markdown", "raw"]), sources()), max_size=4)):
        cell = {"cell_type": kind, "metadata": {"tags": ["a"]}, "source": source, "id": "a1"}
        if kind == "code":
            cell.update(execution_count=None, outputs=[{"output_type": "stream", "text": ["import tensorflow_hub"]}])
        cells.append({name: cell[name] for name in draw(st.permutations(sorted(cell)))})
    value = {"cells": cells, "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4, "nbformat_minor": 5}
    indent = draw(st.sampled_from([None, 0, 1, 2, "\t"]))
    separators = draw(st.sampled_from([None, (",", ":"), (" , ", " : ")]))
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    return text + draw(st.sampled_from(["", "\n", "\r\n"]))


def test_a_long_line_of_spaces_costs_little():
    before = time.process_time()
    assert MagicLines(" " * (1 << 17)).python == " " * (1 << 17)
    assert time.process_time() - before < 1


@given(notebooks())
def test_an_unchanged_program_gives_the_same_text(text):
    notebook = Notebook(text)
    assert notebook.replace_program(notebook.program) == text


@given(notebooks())
def test_only_the_changed_lines_differ(text):
    notebook = Notebook(text)
    changed = notebook.replace_program(notebook.program.replace("x = 1", "x = 'ü'"))
    expected = json.loads(text)
    for cell in expected["cells"]:
        if cell["cell_type"] == "code":
            source = cell["source"]
            # In the cell of another language nothing is a program's line.
            opaque = "".join(source).lstrip("\n").startswith("%%bash")
            new = "".join(source) if opaque else "".join(source).replace("x = 1", "x = 'ü'")
            if new != "".join(source):
                cell["source"] = new if isinstance(source, str) else new.splitlines(keepends=True)
    assert json.loads(changed) == expected
    assert text.isascii() == changed.isascii() or "ü" in changed


@given(notebooks())
def test_lines_of_the_program_are_found_in_their_cells(text):
    notebook = Notebook(text)
    program = notebook.program.split("\n")
    line = 1
    for cell in notebook.cells:
        for number, code in enumerate(cell.source.split("\n"), 1):
            place = notebook.locate_line(line)
            assert (place.cell, place.line) == (cell.number, number)
            assert "__rehub_" in program[line - 1] or program[line - 1] in ("", ")", code)
            line += 1
        line += 1


def notebook_of(*sources):
    cells = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": []} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 0}, indent=1)


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("%matplotlib inline\nx = 1", "__rehub_magic_0__\nx = 1"),
        ("if x:\n    !ls \\\n      -l\ny", "if x:\n    (__rehub_magic_0__\n)\ny"),
        ("files = !ls", "files = __rehub_magic_0__"),
        ("out = %timeit -o f()", "out = __rehub_magic_0__"),
        ("ls ./data/\nls -l", "__rehub_magic_0__\nls -l"),
        ("pip install a b", "__rehub_magic_0__"),
        ("%%time\nx = 1", "__rehub_magic_0__\nx = 1"),
        ("%%bash\nls\ncd", "(__rehub_magic_0__\n\n)"),
        ("np.array?", "__rehub_magic_0__"),
        ("?np.array", "__rehub_magic_0__"),
        ('"""\n%d\n!x\n"""', '"""\n%d\n!x\n"""'),
        ("f(\n%x\n)", "f(\n%x\n)"),
        ("a = b \\\n% c", "a = b \\\n% c"),
        ("a %= b\na != b\nc = a % b", "a %= b\na != b\nc = a % b"),
    ],
)
def test_what_is_not_python_is_replaced_line_for_line(source, python):
    notebook = Notebook(notebook_of(source))
    assert notebook.program == f"{python}\n__rehub_cell_1__\n"
    assert notebook.program.count("\n") == source.count("\n") + 2


def test_a_magic_takes_the_indentation_that_its_line_has_now():
    text = notebook_of("with a:\n    !ls\n    x = 1")
    notebook = Notebook(text)
    changed = notebook.replace_program(notebook.program.replace("with a:\n", "").replace("    ", ""))
    assert json.loads(changed)["cells"][0]["source"] == "!ls\nx = 1"


def test_a_cell_magic_stays_in_the_first_line():
    notebook = Notebook(notebook_of("%%time\nx = 1"))
    changed = notebook.replace_program(f"import tensorflow\n{notebook.program}")
    assert json.loads(changed)["cells"][0]["source"] == "%%time\nimport tensorflow\nx = 1"


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("%tensorflow_version 1.x\nx", "x"),
        ("x\n%tensorflow_version 1.x", "x"),
        ("%tensorflow_version 1.x", ""),
        ("try:\n  %tensorflow_version 1.x\nexcept Exception:\n  pass", "try:\n  pass\nexcept Exception:\n  pass"),
    ],
)
def test_a_magic_can_be_taken_out(source, left):
    notebook = Notebook(notebook_of(source))
    changed = notebook.replace_program(notebook.program, lambda text: None if "tensorflow_version" in text else text)
    assert json.loads(changed)["cells"][0]["source"] == left


def test_a_program_without_its_cells_or_magics_is_refused():
    notebook = Notebook(notebook_of("x", "!ls"))
    with pytest.raises(NotebookError, match="ends of the cells are missing"):
        notebook.replace_program(notebook.program.replace("__rehub_cell_1__\n", ""))
    with pytest.raises(NotebookError, match="cell 2: a magic"):
        notebook.replace_program(notebook.program.replace("__rehub_magic_0__\n", "\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a notebook"),
        ("[]", "not a notebook"),
        ('{"cells": [{"cell_type": "code", "source": 3}]}', "not a notebook"),
        ('{"worksheets": []}', "no cells"),
        ('{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}', "language is R"),
        ('{"cells": [{"cell_type": "code", "source": "__rehub_cell_1__"}]}', "__rehub_"),
    ],
)
def test_what_is_not_a_notebook_of_python_is_refused(text, message):
    with pytest.raises(NotebookError, match=message):
        Notebook(text)


def test_the_line_in_the_file_is_known_for_a_list_of_lines():
    text = notebook_of(["a\n", "b\n", "c"])
    place = Notebook(text).locate_line(2)
    assert (place.cell, place.line) == (1, 2)
    assert text.split("\n")[place.file_line - 1].strip() == '"b\\n",'


def test_escapes_of_html_are_written_as_colab_does():
    text = notebook_of("x = 1\na < b").replace("<", "\\u003c")
    changed = Notebook(text).replace_program(Notebook(text).program.replace("x = 1", "x = a > 1"))
    assert "x = a \\u003e 1\\na \\u003c b" in changed
