from __future__ import annotations

import io

import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed here")
np = pytest.importorskip("numpy")

from rehub.batch_inference.batching import BatchSizer, choose_sizes, iter_batches, run_batch  # noqa: E402
from rehub.batch_inference.columns import convert_column, holds_bytes  # noqa: E402
from rehub.batch_inference.images import ImageDecoder  # noqa: E402
from rehub.batch_inference.outputs import OutputColumn, split_outputs  # noqa: E402
from rehub.batch_inference.row_errors import RowErrors, RowFailed  # noqa: E402
from rehub.batch_inference.writing import ShardWriter, convert_kept, convert_output, make_field  # noqa: E402
from rehub.errors import InputMismatch, OutputsNotAligned  # noqa: E402
from rehub.savedmodel.signatures import TensorInfo  # noqa: E402


def convert(values, dtype, shape=(None,), decoder=None):
    """The values that an input gets, and the kinds of the errors by row."""
    errors = RowErrors()
    column = convert_column(values, TensorInfo("x", dtype, shape), errors, decoder)
    good = [row for row in range(len(values)) if row not in errors]
    found = column.take(good) if good else np.zeros(0)
    return found.tolist(), {row: errors.text(row).partition(":")[0] for row in range(len(values)) if row in errors}


@pytest.mark.parametrize(
    ("values", "dtype", "good", "bad"),
    [
        (pa.array([1, None, 2**40, -3]), "int32", [1, -3], {1: "null", 2: "range"}),
        (np.array([1, 300, -1]), "uint8", [1], {1: "range", 2: "range"}),
        (np.array([2**63], "uint64"), "int64", [], {0: "range"}),
        (np.array([1.0, 1.5, np.nan, 2.0**63]), "int64", [1], {1: "range", 2: "range", 3: "range"}),
        (np.array([0.1, 1e300, np.inf]), "float32", [np.float32(0.1), np.inf], {1: "range"}),
        (["7", " 8 ", "x", "", "1.5", "1_0"], "int32", [7, 8], {2: "type", 3: "type", 4: "range", 5: "type"}),
        ([1, "2", None, [3, 4], True], "int32", [1, 2, 1], {2: "null", 3: "shape"}),
        (["1e39", "1e400", "inf"], "float32", [np.inf], {0: "range", 1: "range"}),
        (["true", "0"], "bool", [True], {1: "type"}),
        (["9007199254740993.0", "1e18", "1e400", "nan"], "int64", [2**53 + 1, 10**18], {2: "range", 3: "range"}),
        (pa.array(["a", None, ""]), "string", [b"a", b""], {1: "null"}),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "string", ["a", "b", "a"], {}),
        (["a", b"\xff", "\ud800", 3], "string", [b"a", b"\xff"], {2: "encoding", 3: "type"}),
        (pa.array([b"a", b"\xff", None]).view(pa.string()), "string", [b"a"], {1: "encoding", 2: "null"}),
        (pa.array([{"bytes": b"\xff", "path": "a.jpg"}, None]), "string", [b"\xff"], {1: "null"}),
    ],
)
def test_values_are_the_same_or_an_error_of_their_row(values, dtype, good, bad):
    assert convert(values, dtype) == (good, bad)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1.0, 2.0], None, [3.0], [4.0, None], [5.0, 6.0]]),
        pa.array([[9.0], [1.0, 2.0], None, [3.0], [4.0], [5.0, 6.0]])[1:],
        pa.array([[1.0, 2.0], None, [3.0], [4.0, None], [5.0, 6.0]], pa.large_list(pa.float64())),
        ["[1, 2]", None, "[3]", "[4, null]", "[5, 6]"],
        [np.array([1, 2]), None, np.array([3]), ["4"], (5, 6)],
    ],
)
def test_lists_of_another_length_are_errors_of_their_rows(values):
    found, errors = convert(values, "float32", (None, 2))
    assert found == [[1, 2], [5, 6]]
    assert list(errors) == [1, 2, 3]


def test_flat_lists_take_the_shape_of_the_input():
    assert convert(pa.array([[1, 2, 3, 4]], pa.list_(pa.int8(), 4)), "float32", (None, 2, 2)) == (
        [[[1, 2], [3, 4]]],
        {},
    )
    assert convert(np.ones((2, 4)), "int32", (None, 2, 2, 1))[0] == [[[[1], [1]], [[1], [1]]]] * 2


@pytest.mark.parametrize("values", [pa.array([1, 2]), np.array([1.0, 2.0]), ["1", "2"], [1, [2]]])
def test_numbers_are_lists_of_one_number(values):
    assert convert(values, "float32", (None, 1)) == ([[1], [2]], {})


def test_series_are_their_values():
    class Series(list):
        dtype = np.dtype("float64")

        def to_numpy(self):
            return np.array(self)

    assert convert(Series([1.0, 2.0]), "float32") == ([1, 2], {})


def test_a_single_number_fits_among_lists():
    assert convert([1, [2]], "int64", (None, None)) == ([[1], [2]], {})
    assert convert([1, [2, 3]], "int64", (None, 1)) == ([[1]], {1: "shape"})


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (pa.array(["2026-01-01"]).cast(pa.date32()), "float32"),
        (np.array([1.0]), "bool"),
        (pa.array([1]), "string"),
        (np.array([1.0]), "string"),
        (np.ones((3, 5)), "float32"),
    ],
)
def test_columns_that_can_never_fit_are_refused(values, dtype):
    with pytest.raises(InputMismatch, match="'x'"):
        convert(values, dtype)


def encode_image(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def test_pictures_of_every_mode_have_the_same_pixels():
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed here")
    decoder = ImageDecoder(2, 2, 3, 0.0, 1.0, "float32")
    gray = images.new("L", (2, 2), 128)
    turned = images.new("RGB", (2, 2), (0, 0, 0))
    turned.putpixel((0, 0), (255, 255, 255))
    exif = images.Exif()
    exif[0x112] = 6  # The camera was turned: the first pixel belongs to the upper right.
    found = [
        decoder.decode(encode_image(gray)),
        decoder.decode(encode_image(gray.convert("RGBA"))),
        decoder.decode(encode_image(gray.convert("P"))),
        decoder.decode(encode_image(gray.convert("CMYK"), "TIFF")),
        decoder.decode(encode_image(images.fromarray(np.full((2, 2), 128 * 257, np.uint16)))),
    ]
    for pixels in found:
        assert pixels.dtype == np.float32
        np.testing.assert_allclose(pixels, 128 / 255, atol=1e-6)
    upright = decoder.decode(encode_image(turned, exif=exif))
    assert upright[0, 1, 0] == 1
    assert upright.sum() == 3
    assert ImageDecoder(1, 1, 1, 0, 255, "uint8").decode(encode_image(gray)).tolist() == [[[128]]]
    assert ImageDecoder(1, 1, 3, -1, 1, "float32").decode(encode_image(gray))[0, 0, 0] == pytest.approx(
        1 / 255, abs=1e-6
    )


def test_pictures_that_are_not_whole_are_errors_of_their_rows():
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed here")
    whole = encode_image(images.effect_noise((64, 64), 50).convert("RGB"), "JPEG")
    tensor = (None, 2, 2, 3)
    decoder = ImageDecoder.for_input(TensorInfo("x", "uint8", tensor), None, None, "uint8")
    found, errors = convert([whole, whole[:700], b"", b"GIF89a", None, whole], "uint8", tensor, decoder)
    assert len(found) == 2
    assert errors == {1: "image", 2: "image", 3: "image", 4: "null"}


def test_a_picture_starts_no_program(monkeypatch):
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed here")
    eps = encode_image(images.new("RGB", (2, 2)), "EPS")
    started = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_: started.append(1) or images.new("RGB", (2, 2)).im)
    with pytest.raises(ValueError, match="cannot identify"):
        ImageDecoder(2, 2, 3, 0.0, 1.0, "float32").decode(eps)
    assert started == []


def test_images_of_hugging_face_datasets_are_their_bytes():
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed here")
    tensor = TensorInfo("x", "uint8", (None, 1, 1, 3))
    rows = [{"bytes": encode_image(images.new("RGB", (1, 1), "white")), "path": None}, {"bytes": None, "path": "a.jpg"}]
    values = pa.array([*rows, None], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    assert holds_bytes(values)
    errors = RowErrors()
    found = convert_column(values, tensor, errors, ImageDecoder.for_input(tensor, None, None, "uint8"))
    assert found.take([0]).tolist() == [[[[255, 255, 255]]]]
    assert [errors.text(row) for row in (1, 2)] == ["null: the value for input 'x' is null"] * 2


def test_texts_and_other_layouts_of_images_are_named():
    errors = RowErrors()
    convert_column(pa.array(["https://a.example/b.jpg"]), TensorInfo("x", "float32", (None, 8, 8, 3)), errors)
    assert "takes images, and the value is text" in errors.text(0)
    with pytest.raises(InputMismatch, match="channels first"):
        ImageDecoder.for_input(TensorInfo("x", "float32", (None, 3, 8, 8)), None, None, "float32")


def test_images_of_no_fixed_size_need_one():
    with pytest.raises(InputMismatch, match="--resize"):
        ImageDecoder.for_input(TensorInfo("x", "float32", (None, None, None, 3)), None, None, "float32")


def test_rows_that_fail_end_up_alone():
    calls, errors = [], RowErrors()

    def call(rows):
        calls.append(rows)
        if {3, 6} & set(rows):
            raise RowFailed("boom")

    run_batch(list(range(8)), call, BatchSizer([8]), errors)
    assert errors.to_column(8) == [None, None, None, "model: boom", None, None, "model: boom", None]
    assert [] not in calls


def test_batches_get_smaller_when_memory_runs_out():
    sizer, sizes, errors = BatchSizer([8]), [], RowErrors()

    def call(rows):
        if len(rows) > 2:
            raise MemoryError
        sizes.append(len(rows))

    for rows in iter_batches(range(20), None, sizer):
        run_batch(rows, call, sizer, errors)
    assert (sum(sizes), sizer.size, len(errors)) == (20, 2, 0)


def test_the_fastest_size_is_chosen():
    sizer = BatchSizer(choose_sizes("string", 0))
    for _ in range(9):
        sizer.record(sizer.size, 1.0 if sizer.size == 1024 else 2.5)
    assert sizer.size == 1024


def test_batches_have_rows_of_one_length():
    lengths = [3, 1, 3, 2, 1, 3]
    assert list(iter_batches(range(6), lambda row: lengths[row], BatchSizer([2]))) == [[1, 4], [3], [0, 2], [5]]


def column_of(values):
    column = OutputColumn(len(values))
    column.put(list(range(len(values))), values)
    return column


@pytest.mark.parametrize(
    "values",
    [
        np.arange(4, dtype=np.int32),
        np.arange(8, dtype=np.float16).reshape(4, 2),
        np.arange(16, dtype=np.float64).reshape(4, 2, 2),
        np.array([True, False, True, True]),
        np.array([b"a", "\u00e9".encode(), b"", b"d"], object),
        np.array([[b"a", b"b"]] * 4, object),
        [np.arange(each) for each in range(4)],
        [np.ones((each, 2), np.float32) for each in range(4)],
    ],
)
def test_rows_with_an_error_are_null_and_shift_no_others(values, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    errors = RowErrors()
    errors.add(1, "null", "")
    field = make_field("y", column_of(values), [0, 2, 3])
    array = convert_output(field, column_of(values), 4, errors)
    (tmp_path / "_rehub" / "tmp").mkdir(parents=True)
    writer = ShardWriter(str(tmp_path), "part-000000.parquet", "1", pa.schema([field]))
    writer.write(pa.table([array], pa.schema([field])))
    writer.publish({})
    found = pq.read_table(tmp_path / "part-000000.parquet")["y"]
    assert found[1].as_py() is None
    is_matrix = getattr(values, "ndim", 0) == 3
    for row in (0, 2, 3):
        assert found[row].as_py() == to_python(values[row].ravel() if is_matrix else values[row])


def to_python(value):
    value = value.tolist() if hasattr(value, "tolist") else value
    return list(map(to_python, value)) if isinstance(value, list) else getattr(value, "decode", lambda: value)()


def test_kept_texts_that_are_not_utf8_are_errors_of_their_rows():
    errors = RowErrors()
    values = pa.array([b"a", b"\xff", None]).view(pa.string())
    assert convert_kept(pa.field("x", pa.string()), values, errors).to_pylist() == ["a", None, None]
    assert [row for row in range(3) if row in errors] == [1]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.float32(1), "one value for all 3 rows"),
        (np.ones((1, 2)), r"has shape \[1, 2\] for 3 rows. .*--batch-size 1"),
        (np.ones((5, 2)), "--ragged y=COUNTS"),
    ],
)
def test_outputs_without_a_value_for_each_row_are_refused(values, problem):
    with pytest.raises(OutputsNotAligned, match=problem):
        split_outputs({"y": values}, 3, {}, {})


def test_outputs_of_another_shape_than_the_first_are_errors():
    errors = RowErrors()
    field = make_field("y", column_of(np.zeros((2, 3))), [0, 1])
    array = convert_output(field, column_of([np.zeros(3), np.zeros(4)]), 2, errors)
    assert array.to_pylist() == [[0, 0, 0], None]
    assert errors.text(1).startswith("output:")
