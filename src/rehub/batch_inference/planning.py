"""Make a plan: list the input, cut it into shards, pin the model."""

from __future__ import annotations

import importlib
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

from rehub.batch_inference import reading
from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.plan import Shard, ShardLimit, Slice
from rehub.batch_inference.predictor import Predictor
from rehub.batch_inference.row_errors import ERROR_COLUMN
from rehub.errors import InputMismatch, InputUnreadable, InvalidSetting
from rehub.formatting import list_names
from rehub.version import __version__

_log = logging.getLogger(__name__)

# Of a row of which only the size of its file is known.
_BYTES_OF_ROW = 80
_READERS = 8
_VERSIONED = ("tensorflow", "tensorflow-cpu", "tf-nightly", "tensorflow-text")


@dataclass(frozen=True)
class InputPlan:
    """The input of a run.

    Attributes:
        format: of all files.
        shards: what is read.
        types: the Arrow type of each column.
        lacking: a file that does not have it, for each column that not all files have.
        ignored: the files of directories that are of no known format.
    """

    format: str
    shards: tuple[Shard, ...]
    types: Mapping[str, Any]
    lacking: Mapping[str, str]
    ignored: tuple[str, ...]


def plan_input(
    inputs: Sequence[Any], format_name: str | None, limit: ShardLimit | None = None, output: str | None = None
) -> InputPlan:
    """List the files of the input, and cut them into shards.

    Args:
        inputs: files, directories, globs and URLs.
        format_name: the format of all files; None to tell it from their names.
        limit: of a shard.
        output: where the results are.

    Raises:
        InputUnreadable: there are no files of a known format, or none that can be read.
        InputMismatch: the files have different columns.
    """
    limit = limit or ShardLimit()
    listed = reading.list_files(inputs, format_name, output)
    with ThreadPoolExecutor(_READERS) as readers:
        planned = list(readers.map(lambda file: reading.plan_file(listed.format, file, limit), listed.files))
    slices = [part for parts, _ in planned for part in parts]
    types, lacking = _merge_types(
        [(file.path, found) for file, (_, found) in zip(listed.files, planned) if found is not None]
    )
    if slices and all(part.problem for part in slices):
        raise InputUnreadable(f"None of the files can be read. The first: {slices[0].problem}.")
    if not types:
        types = reading.describe_columns(listed.format, slices)
    sizes = _measure_slices(listed, slices)
    return InputPlan(listed.format, tuple(_cut_shards(slices, sizes, limit)), types, lacking, listed.ignored)


def _merge_types(found: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the types of the columns that all files have; and for each other column a file that lacks it.

    Raises:
        InputMismatch: a column has two types that have nothing in common.
    """
    if not found:
        return {}, {}
    first_path, first = found[0]
    common = dict(first)
    lacking: dict[str, str] = {}
    for path, types in found[1:]:
        if types == first:
            continue
        lacking.update((name, first_path) for name in types if name not in first)
        for name in list(common):
            if name not in types:
                del common[name]
                lacking[name] = path
            elif types[name] != common[name]:
                shared = _find_common_type(common[name], types[name])
                if shared is None:
                    raise InputMismatch(
                        f"Column {name!r} is {common[name]} in {first_path!r}, and {types[name]} in {path!r}. "
                        "Convert one of the files, or run them separately."
                    )
                common[name] = shared
    return common, lacking


def _find_common_type(first: Any, second: Any) -> Any:
    """Return the Arrow type that holds the values of two; None if there is none.

    A column of nulls has the type null, and pandas has integers as floats where one is missing.
    """
    pa = import_pyarrow()
    if not _can_share_type(first, second):
        return None
    try:
        schemas = [pa.schema([pa.field("", kind)]) for kind in (first, second)]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return None


def _can_share_type(first: Any, second: Any) -> bool:
    """Return whether pyarrow has no common type for two that would change values, also within lists and structs."""
    pa = import_pyarrow()
    kinds = (first, second)
    if pa.null() in kinds:
        return True
    if all(map(pa.types.is_struct, kinds)):
        names = {field.name for field in first}.intersection(field.name for field in second)
        return all(_can_share_type(first.field(name).type, second.field(name).type) for name in names)
    if all(hasattr(kind, "value_type") for kind in kinds):
        return _can_share_type(first.value_type, second.value_type)
    has_decimals = any(map(pa.types.is_decimal, kinds)) and any(map(pa.types.is_floating, kinds))
    # Texts would become bytes.
    return not has_decimals and sum("binary" in str(kind) for kind in kinds) != 1


def _measure_slices(listed: reading.InputFiles, slices: Sequence[Slice]) -> list[int]:
    """Return how many bytes of its file each slice has."""
    sizes = {file.path: file.size for file in listed.files}
    if listed.format != "parquet":
        return [(part.stop or sizes[part.path]) - part.start for part in slices]
    rows: Counter[str] = Counter()  # Slices of Parquet are ranges of rows.
    for part in slices:
        rows[part.path] += part.rows or 0
    return [sizes[part.path] * (part.rows or 0) // max(1, rows[part.path]) for part in slices]


def _cut_shards(slices: Sequence[Slice], sizes: Sequence[int], limit: ShardLimit) -> Iterator[Shard]:
    """Yield shards of slices.

    Args:
        slices: in the order of the rows.
        sizes: of the slices, in bytes of their files.
        limit: of a shard.
    """
    pending: list[Slice] = []
    count = size = index = 0
    for part, part_bytes in zip(slices, sizes):
        part_rows = max(1, part_bytes // _BYTES_OF_ROW) if part.rows is None else part.rows
        if pending and (count + part_rows > limit.rows or size + part_bytes > limit.size):
            yield Shard(index, tuple(pending))
            index, pending, count, size = index + 1, [], 0, 0
        pending.append(part)
        count, size = count + part_rows, size + part_bytes
    if pending:
        yield Shard(index, tuple(pending))


def choose_columns(predictor: Predictor, found: InputPlan) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the column of each input, and the columns to keep.

    Raises:
        InputMismatch: a column does not exist.
        InvalidSetting: a kept column has the name of an output.
    """
    types, keep = found.types, predictor.settings.keep
    names = {tensor.name: tensor.name for tensor in predictor.signature.inputs}
    for name in (*{**names, **dict(predictor.settings.inputs)}.values(), *(keep or ())):
        if name in found.lacking:
            raise InputMismatch(
                f"{found.lacking[name]!r} has no column {name!r}, and other files of the input have it. "
                "Leave out the files without it, such as by a glob."
            )
    inputs = predictor.choose_inputs(
        [name for name in types if found.format not in reading.WHOLE_FILES or name == "content"]
    )
    if keep is None:
        if found.lacking:
            _log.warning(
                "Not all files have these columns, so they are not kept: %s", list_names(sorted(found.lacking))
            )
        keep = tuple(name for name in types if name not in inputs.values())
    missing = [name for name in keep if name not in types]
    if missing:
        raise InputMismatch(f"There is no column {list_names(missing)} to keep. There are: {list_names(types)}.")
    taken = {ERROR_COLUMN, *predictor.output_columns.values()}.intersection(keep)
    if taken:
        raise InvalidSetting(
            f"A column of the input and one of the output are both named {list_names(sorted(taken))}. Rename the "
            "output by --outputs NAME=OTHER, or choose the columns to keep by --keep."
        )
    return inputs, keep


def find_versions() -> tuple[tuple[str, str], ...]:
    """Return the versions of the packages that the numbers depend on."""
    metadata = importlib.import_module("importlib.metadata")
    found = [("rehub", __version__)]
    for name in _VERSIONED:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)
