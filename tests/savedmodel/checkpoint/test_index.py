from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import saved_models
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sorted_tables import block_of, masked, table_of

from rehub.errors import CorruptModel, PackageMissing, UnsupportedFormat
from rehub.savedmodel.checkpoint import OBJECT_GRAPH, read_checkpoint

DATA = Path(__file__).parents[2] / "data"
MODELS = sorted(path.parents[1] for path in DATA.rglob("variables.index"))
PUBLISHED = sorted(path.parents[1] for path in saved_models.PUBLISHED.glob("*/variables/variables.index"))


def save(prefix, values, slices=None):
    """Writes a checkpoint of tensors by their names; `slices` says of some which part of which whole they are."""
    names = sorted(values)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        of_whole = [(slices or {}).get(name, ("", name)) for name in names]
        session.run(
            tf.raw_ops.SaveV2(
                prefix=str(prefix),
                tensor_names=[name for _, name in of_whole],
                shape_and_slices=[part for part, _ in of_whole],
                tensors=[tf.constant(values[name]) for name in names],
            )
        )
    return str(prefix)


def merge(prefixes, destination):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        session.run(tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=str(destination)))
    return str(destination)


def as_numpy(value):
    """TensorFlow's value of a tensor, in a type that NumPy has."""
    if isinstance(value, bytes):
        return np.array(value, object)
    return value.astype(np.float32) if value.dtype == tf.bfloat16.as_numpy_dtype else value


def assert_equals_tensorflows(prefix):
    ours, theirs = read_checkpoint(prefix), tf.train.load_checkpoint(prefix)
    assert {key: list(entry.shape) for key, entry in ours.entries.items()} == theirs.get_variable_to_shape_map()
    dtypes = {key: dtype.name for key, dtype in theirs.get_variable_to_dtype_map().items()}
    assert {key: entry.dtype for key, entry in ours.entries.items()} == dtypes
    assert [(key, list(entry.shape)) for key, entry in ours.entries.items()] == tf.train.list_variables(prefix)
    for key in ours.entries:
        mine, expected = ours.value(key), as_numpy(theirs.get_tensor(key))
        assert (mine.dtype, mine.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(mine, expected)
        if mine.ndim:
            middle = mine.shape[0] // 2
            np.testing.assert_array_equal(ours.value(key, rows=(0, middle)), expected[:middle])
            np.testing.assert_array_equal(ours.value(key, rows=(middle, mine.shape[0])), expected[middle:])


def test_the_checkpoints_of_modules_are_those_that_tensorflow_reads():
    assert MODELS
    for model in MODELS:
        assert_equals_tensorflows(str(model / "variables" / "variables"))


def test_the_checkpoint_of_a_tf2_object_is_that_which_tensorflow_reads(tmp_path):
    assert_equals_tensorflows(saved_models.save_lookup(tmp_path / "model") + "/variables/variables")


@pytest.mark.skipif(not PUBLISHED, reason="the published models are not on this machine")
def test_the_checkpoints_of_published_models_are_those_that_tensorflow_reads():
    # dm21's index is compressed.
    for model in PUBLISHED:
        assert_equals_tensorflows(str(model / "variables" / "variables"))


OF_MANY_TYPES = {
    "a/bool": np.array([True, False, True]),
    "a/complex64": np.array([1 + 2j], np.complex64),
    "a/complex128": np.array([[1 + 2j, 3 - 4j]]),
    "empty": np.zeros([0, 3], np.float32),
    "float16": np.arange(5, dtype=np.float16),
    "float64": np.arange(6.0).reshape(2, 3),
    "int8": np.array([-1, 2], np.int8),
    "int16": np.array([-1, 2], np.int16),
    "int64": np.array(-5),
    "scalar": np.float32(2.5),
    "strings": np.array([[b"", b"a"], [b"\0\xff", b"x" * 300]], object),
    "text": np.array("caf\u00e9".encode(), object),
    "uint8": np.arange(7, dtype=np.uint8),
    "uint16": np.arange(7, dtype=np.uint16),
}


def test_tensors_of_all_types_are_those_that_tensorflow_reads(tmp_path):
    values = {**OF_MANY_TYPES, "bfloat16": np.linspace(-3, 3, 8).astype(tf.bfloat16.as_numpy_dtype)}
    assert_equals_tensorflows(save(tmp_path / "model", values))


def test_a_quantized_tensor_is_read_as_the_integers_it_is_made_of(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        quantized = tf.bitcast(tf.constant([-3, 4], tf.int8), tf.qint8)
        prefix = str(tmp_path / "model")
        session.run(tf.raw_ops.SaveV2(prefix=prefix, tensor_names=["q"], shape_and_slices=[""], tensors=[quantized]))
    checkpoint = read_checkpoint(prefix)
    assert checkpoint.entries["q"].dtype == "qint8"
    np.testing.assert_array_equal(checkpoint.value("q"), np.array([-3, 4], np.int8))


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 has no such types")
@pytest.mark.parametrize(("dtype", "value"), [("float8_e5m2", np.float32([0.5, -2])), ("int4", np.int8([-8, 7, 0]))])
def test_small_types_are_read_as_wider_ones(dtype, value, tmp_path):
    if not hasattr(tf.dtypes.experimental, dtype):
        pytest.skip(f"TensorFlow {tf.__version__} has no {dtype}")
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    prefix = save(tmp_path / "model", {"small": tf.cast(value, getattr(tf.dtypes.experimental, dtype)).numpy()})
    read = read_checkpoint(prefix).value("small")
    assert read.dtype == value.dtype
    np.testing.assert_array_equal(read, value)


@pytest.fixture
def partitioned(tmp_path):
    """The prefix of a checkpoint in two data files, with a variable in slices of different sizes, and its value."""
    whole = np.arange(200.0).reshape(100, 2).astype(np.float32)
    slices = {
        "a": ("100 2 0,70:0,1", "w", whole[:70, :1]),
        "b": ("100 2 0,70:1,1", "w", whole[:70, 1:]),
        "c": ("100 2 70,10:-", "w", whole[70:80]),
        "d": ("100 2 80,20:-", "w", whole[80:]),
    }
    prefixes = [
        save(
            tmp_path / f"part{names}",
            {name: slices[name][2] for name in names},
            {name: slices[name][:2] for name in names},
        )
        for names in ("ac", "bd")
    ]
    return merge(prefixes, tmp_path / "merged"), whole


def test_a_partitioned_variable_is_put_together_from_several_files(partitioned):
    prefix, whole = partitioned
    checkpoint = read_checkpoint(prefix)
    assert checkpoint.shards == 2
    assert checkpoint.entries["w"].bytes == whole.nbytes
    np.testing.assert_array_equal(checkpoint.value("w"), whole)
    np.testing.assert_array_equal(checkpoint.value("w", rows=(65, 85)), whole[65:85])
    assert_equals_tensorflows(prefix)


def test_a_variable_that_is_not_whole_is_refused(tmp_path):
    prefix = save(tmp_path / "model", {"w": np.ones([3, 2], np.float32)}, {"w": ("5 2 0,3:-", "w")})
    with pytest.raises(CorruptModel, match="its slices do not make up the whole"):
        read_checkpoint(prefix).value("w")


def test_slices_that_overlap_are_refused(tmp_path):
    values = {"a": np.ones([2, 1], np.float32), "b": np.ones([2, 1], np.float32)}
    slices = {"a": ("4 1 0,2:-", "w"), "b": ("4 1 1,2:-", "w")}
    prefixes = [save(tmp_path / name, {name: values[name]}, {name: slices[name]}) for name in values]
    with pytest.raises(CorruptModel, match="two of its slices overlap"):
        read_checkpoint(merge(prefixes, tmp_path / "merged")).value("w")


def test_numbers_of_a_machine_with_the_other_byte_order_are_read(tmp_path):
    data = np.array([1.5, -2], ">f4").tobytes()
    dtype_and_shape, size = b"\x08\x01\x12\x04\x12\x02\x08\x02", b"\x28\x08"
    entry = dtype_and_shape + size + b"\x35" + masked(data).to_bytes(4, "little")
    header = b"\x08\x01\x10\x01"  # one data file, big-endian
    (tmp_path / "model.index").write_bytes(table_of(block_of([(0, b"", header), (0, b"w", entry)])))
    (tmp_path / "model.data-00000-of-00001").write_bytes(data)
    value = read_checkpoint(str(tmp_path / "model")).value("w")
    assert value.dtype.isnative
    np.testing.assert_array_equal(value, np.float32([1.5, -2]))


def test_graph_names_of_the_variables_of_a_tf2_object_are_read(tmp_path):
    model = tf.train.Checkpoint(inner=tf.train.Checkpoint(kernel=tf.Variable([1.0], name="dense/kernel")))
    prefix = model.write(str(tmp_path / "model"))
    checkpoint = read_checkpoint(prefix)
    assert set(checkpoint.entries) >= {"inner/kernel/.ATTRIBUTES/VARIABLE_VALUE", OBJECT_GRAPH}
    assert checkpoint.full_names() == {"inner/kernel/.ATTRIBUTES/VARIABLE_VALUE": "dense/kernel"}


def test_what_only_has_the_name_of_an_object_tells_none(tmp_path):
    assert read_checkpoint(save(tmp_path / "model", {OBJECT_GRAPH: np.float32(1)})).full_names() == {}


def test_missing_checkpoint_is_not_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_checkpoint(str(tmp_path / "model"))
    (tmp_path / "model.index").mkdir()
    with pytest.raises(CorruptModel, match=r"model\.index' cannot be read: Is a directory"):
        read_checkpoint(str(tmp_path / "model"))


def test_a_checkpoint_of_tf1_has_no_object():
    assert read_checkpoint(str(MODELS[0] / "variables" / "variables")).full_names() == {}


def test_a_variant_has_no_value(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variant = tf.raw_ops.EmptyTensorList(
            element_shape=[2], max_num_elements=1, element_dtype=tf.float32, name="list"
        )
        prefix = str(tmp_path / "model")
        session.run(tf.raw_ops.SaveV2(prefix=prefix, tensor_names=["v"], shape_and_slices=[""], tensors=[variant]))
    checkpoint = read_checkpoint(prefix)
    assert checkpoint.entries["v"].dtype == "variant"
    with pytest.raises(UnsupportedFormat, match="'v' in the checkpoint .* is a variant"):
        checkpoint.value("v")


@pytest.fixture
def plain(tmp_path):
    return save(tmp_path / "model", OF_MANY_TYPES)


def data_file(prefix):
    return Path(f"{prefix}.data-00000-of-00001")


def test_a_missing_data_file_is_named(plain):
    data_file(plain).unlink()
    with pytest.raises(CorruptModel, match=r"data-00000-of-00001' is missing"):
        read_checkpoint(plain).value("int8")


def test_truncated_data_file_is_reported(plain):
    content = data_file(plain).read_bytes()
    data_file(plain).write_bytes(content[:-1])
    checkpoint = read_checkpoint(plain)
    first, *_, last = sorted(checkpoint.entries.values(), key=lambda entry: entry.parts[0].offset + entry.bytes)
    with pytest.raises(CorruptModel, match=rf"has {len(content) - 1} bytes, and it is to end at {len(content)}"):
        checkpoint.value(last.key)
    checkpoint.value(first.key)


def test_a_changed_value_is_found_by_its_checksum(plain):
    pytest.importorskip("google_crc32c", reason="google_crc32c, which computes the checksum, is not installed")
    checkpoint = read_checkpoint(plain)
    content = data_file(plain).read_bytes()
    for key, entry in checkpoint.entries.items():
        if entry.bytes:
            garbled = bytearray(content)
            garbled[entry.parts[0].offset + entry.bytes - 1] ^= 1
            data_file(plain).write_bytes(garbled)
            with pytest.raises(CorruptModel, match=f"'{key}'.*checksum"):
                checkpoint.value(key)


INDEX = (saved_models.LEGACY / "text_embed_part" / "variables" / "variables.index").read_bytes()


@pytest.fixture(scope="module")
def garbled_index(tmp_path_factory):
    """Reads a checkpoint with another index, and all its values."""
    directory = tmp_path_factory.mktemp("garbled") / "variables"
    shutil.copytree(str(saved_models.LEGACY / "text_embed_part" / "variables"), str(directory))

    def read(content):
        (directory / "variables.index").write_bytes(content)
        checkpoint = read_checkpoint(str(directory / "variables"))
        for key in checkpoint.entries:
            checkpoint.value(key)
        checkpoint.full_names()

    return read


@settings(deadline=None)
@given(st.integers(0, len(INDEX) - 1))
def test_a_truncated_index_is_called_corrupt(garbled_index, size):
    with pytest.raises(CorruptModel, match=r"variables\.index"):
        garbled_index(INDEX[:size])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(INDEX) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_garbled_index_is_read_or_called_corrupt(garbled_index, changes):
    content = bytearray(INDEX)
    for place, byte in changes:
        content[place] = byte
    with contextlib.suppress(CorruptModel, UnsupportedFormat, PackageMissing):
        garbled_index(bytes(content))
