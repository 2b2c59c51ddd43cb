"""Damaged and crafted files, for all that reads a model's files without TensorFlow."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import shutil
import struct
import tempfile
import time
from pathlib import Path

import model_forms
import pytest
import saved_models
from effort import scaled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_messages import field, varint

import rehub as hub
from rehub import tf_internals
from rehub.cli import program
from rehub.errors import CorruptModel, PackageMissing, UnsupportedFormat
from rehub.savedmodel import read_metagraphs
from rehub.savedmodel.checkpoint import read_checkpoint
from rehub.savedmodel.encodings import convert_to_pb
from rehub.savedmodel.nodes import iter_scopes
from rehub.savedmodel.wire import BYTES

SavedModel = type(tf_internals.protos.new_saved_model())
MODULE = saved_models.LEGACY / "text_embed"
FEATURES = saved_models.LEGACY.parent / "legacy_features"

# What reading a damaged file may raise. What a crash or a bug raises is none of them.
CLEAR = (CorruptModel, UnsupportedFormat, PackageMissing)


def look_through(path, content):
    """Reads all that there is to read of a model."""
    for metagraph in read_metagraphs(path, convert_to_pb(path, content)):
        metagraph.used_ops()
        metagraph.nested_ops()


def as_bytes():
    return (MODULE / "saved_model.pb").read_bytes()


def as_text():
    return model_forms.as_text(as_bytes())


@functools.lru_cache(maxsize=None)
def model():
    """The directory of a TF2 object with variables, a table and an asset; it is there as long as the tests run."""
    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory)
    return saved_models.save_lookup(Path(directory, "model"))


@functools.lru_cache(maxsize=None)
def tables():
    """The directory of a legacy module whose signatures need tables; it is there as long as the tests run."""
    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory)
    return shutil.copytree(str(FEATURES / "tables"), str(Path(directory, "tables")))


def in_model(file, read, make=model):
    """Returns what reads a whole model of which one file is damaged."""

    def look_into(content):
        path = Path(make(), file)
        in_order = path.read_bytes() if path.exists() else None
        path.write_bytes(content)
        try:
            read(make())
        finally:
            path.unlink() if in_order is None else path.write_bytes(in_order)

    return look_into, lambda: Path(make(), file).read_bytes() if Path(make(), file).exists() else b"\x08\x01"


def look_into_checkpoint(directory):
    read_checkpoint(f"{directory}/variables/variables").full_names()


def show(directory):
    hub.inspect(directory)._repr_html_()


def run(*words):
    """Runs a command, which prints nothing here."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        program.main(words)


# Each reader: what reads a file, by a name for the test, and one that is in order.
READERS = {
    "saved_model.pb": (functools.partial(look_through, "saved_model.pb"), as_bytes),
    "saved_model.pbtxt": (functools.partial(look_through, "saved_model.pbtxt"), as_text),
    "index of a checkpoint": in_model("variables/variables.index", look_into_checkpoint),
    "inspection": in_model("saved_model.pb", show),
    "inspection of an index": in_model("variables/variables.index", show),
    "scan": in_model("saved_model.pb", hub.scan),
    "show": in_model("saved_model.pb", lambda directory: run("show", directory)),
    "diff": in_model("saved_model.pb", lambda directory: run("diff", directory, str(MODULE))),
    "diff of a checkpoint": in_model(
        "variables/variables.index", lambda directory: run("diff", directory, str(MODULE))
    ),
    "show of a fingerprint": in_model("fingerprint.pb", lambda directory: run("show", directory)),
    "inspection of a legacy module": in_model("saved_model.pb", show, tables),
    "scan of a legacy module": in_model("saved_model.pb", hub.scan, tables),
}

LARGE = (b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\xff" * 8, struct.pack("<Q", 1 << 32), b"9" * 30)


@functools.lru_cache(maxsize=None)
def in_order(name):
    return READERS[name][1]()


@st.composite
def damaged(draw, content):
    """A file of which some places were cut, changed, repeated, or made to claim more than there is."""
    garbled = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(garbled) - 1)))
        size = draw(st.integers(1, 200))
        other = draw(st.integers(0, max(0, len(garbled) - 1)))
        how = draw(st.sampled_from(["cut off", "take out", "flip", "overwrite", "repeat", "inflate", "nest"]))
        if how == "cut off":
            del garbled[at:]
        elif how == "take out":
            del garbled[at : at + size]
        elif how == "flip":
            garbled[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif how == "overwrite":
            garbled[at : at + size] = garbled[other : other + size]
        elif how == "repeat":
            garbled[at:at] = garbled[other : other + size] * draw(st.integers(1, 50))
        elif how == "inflate":
            garbled[at : at + 1] = draw(st.sampled_from(LARGE))
        else:
            garbled[at:at] = draw(st.sampled_from([b"{", b"[", b"<", b"\x0a\x7f", b"\x12\x80\x01"])) * size
    return bytes(garbled)


@pytest.mark.parametrize("name", sorted(READERS))
def test_the_file_that_is_damaged_here_is_in_order(name):
    READERS[name][0](in_order(name))


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_damaged_file_is_read_or_refused(name):
    read = READERS[name][0]

    @settings(deadline=10_000, max_examples=scaled(150), suppress_health_check=list(HealthCheck), database=None)
    @given(damaged(in_order(name)))
    def check(content):
        with contextlib.suppress(*CLEAR):
            read(content)

    check()


@pytest.mark.parametrize("name", sorted(READERS))
def test_any_bytes_are_read_or_refused(name):
    read = READERS[name][0]

    @settings(deadline=10_000, max_examples=scaled(150), suppress_health_check=list(HealthCheck), database=None)
    @given(st.binary(max_size=300))
    def check(content):
        with contextlib.suppress(*CLEAR):
            read(content)

    check()


@pytest.mark.parametrize("module", ["feature_columns", "gradient_of_a_loop_as_output", "table_in_loop", "tables"])
def test_node_name_that_is_not_utf8_is_reported_with_the_file(tmp_path, capsys, module):
    directory = shutil.copytree(str(FEATURES / module), str(tmp_path / module))
    file = Path(directory) / "saved_model.pb"
    content = bytearray(file.read_bytes())
    first = next(next(iter_scopes(bytes(content))).nodes())
    content[content.index(first.name.encode(), first.span[0])] = 0xFF
    file.write_bytes(content)
    assert program.main(["show", directory]) == 1
    assert f"{str(file)!r} cannot be read as a SavedModel" in capsys.readouterr().err


def nested(levels):
    """A StructuredValue with a list of one that has a list of one, and so on."""
    pieces, size = [], 0
    for _ in range(levels):
        for number in (VALUES, LIST_VALUE):
            pieces.append(varint(number << 3 | BYTES) + varint(size))
            size += len(pieces[-1])
    return b"".join(reversed(pieces))


LIST_VALUE, VALUES = 51, 1
# From a SavedModel to the arguments that a function of its first object has.
TO_ARGUMENTS = (2, 7, 1, 6, 2, 1)


def with_arguments(arguments):
    for number in reversed(TO_ARGUMENTS):
        arguments = field(number, arguments)
    return as_bytes() + arguments


@pytest.mark.parametrize("levels", [10, 100, 100_000])
def test_values_in_values_are_read_or_refused_however_deep_they_go(levels):
    content = with_arguments(nested(levels))
    with contextlib.suppress(*CLEAR):
        READERS["saved_model.pb"][0](content)
    text = "meta_graphs { object_graph_def { nodes { function { function_spec { fullargspec { "
    text += "list_value { values { " * levels + "} } " * levels + "} " * 6
    with contextlib.suppress(*CLEAR):
        READERS["saved_model.pbtxt"][0](text.encode())


@pytest.mark.parametrize("depth", range(len(TO_ARGUMENTS)))
def test_a_field_that_claims_4_gibibytes_is_refused(depth):
    claim = varint(TO_ARGUMENTS[depth] << 3 | BYTES) + varint(1 << 32)
    for number in reversed(TO_ARGUMENTS[:depth]):
        claim = field(number, claim)
    start = time.perf_counter()
    with contextlib.suppress(*CLEAR):
        READERS["saved_model.pb"][0](as_bytes() + claim)
    assert time.perf_counter() - start < 5
