"""What an index is and what it was built from: `manifest.json` in its directory."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote as quote_name

from rehub.batch_inference.model import hash_path
from rehub.errors import IndexOutdated
from rehub.escaping import quote
from rehub.formatting import list_names
from rehub.staging import write_atomically
from rehub.strict_parsing import Malformed, get_field, parse_json
from rehub.vector_index.data_files import DataFile, is_untouched, list_data_files
from rehub.vector_index.distances import METRICS
from rehub.vector_index.packages import usearch_version
from rehub.vector_index.projection import Projection

FORMAT = 2
MANIFEST_FILE = "manifest.json"
EXACT, GRAPH = "exact", "graph"

_INDEX_DIRECTORY = ("_rehub", "index")
_PREFIX = "column="
# File systems take names of 255 bytes, and a part of them is for the lock.
_LONGEST_NAME = 200


@dataclass(frozen=True)
class LeftOut:
    """How many rows are not in an index, by the reason.

    Attributes:
        failed: the row has an error.
        missing: the vector is null.
        not_finite: a number in it is NaN, infinite, or too large for float32.
        zero: all numbers in it are 0, so it has no direction for the metric cos.
    """

    failed: int = 0
    missing: int = 0
    not_finite: int = 0
    zero: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(dataclasses.astuple(self))

    def describe(self) -> str:
        """Return the reasons with their numbers, as text."""
        texts = {
            "with an error": self.failed,
            "without a vector": self.missing,
            "with NaN or infinity": self.not_finite,
            "with only zeros": self.zero,
        }
        return ", ".join(f"{count:,} {text}" for text, count in texts.items() if count) or "none"


@dataclass(frozen=True)
class Manifest:
    """What an index is and what it was built from.

    Attributes:
        column: the column of the vectors.
        metric: "cos", "ip" or "l2".
        kind: `EXACT` or `GRAPH`.
        dimensions: of the vectors in the column.
        projection: how they were projected; None if they were not.
        vectors: how many are in the index.
        left_out: the rows that are not.
        usearch: the version that wrote the graph; "" for an exact index.
        parts: the sha256 of the index's own files: by the name of a part, by the name of a file. Each build has other
            names, so that a reader of an older manifest never finds files of another build.
        files: the Parquet files.
    """

    column: str
    metric: str
    kind: str
    dimensions: int
    projection: Projection | None
    vectors: int
    left_out: LeftOut
    usearch: str
    parts: dict[str, dict[str, str]]
    files: tuple[DataFile, ...]

    @property
    def searched_dimensions(self) -> int:
        """The dimensions of the vectors in the index."""
        return self.dimensions if self.projection is None else self.projection.dimensions

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, value: Any) -> Manifest:
        """Read JSON of this version's format; raise `Malformed` for anything else."""
        if get_field(value, "format", int) != FORMAT:
            raise Malformed(f"it has format {value['format']}, and this rehub reads format {FORMAT}")
        projection = value.get("projection")
        parts = get_field(value, "parts", dict)
        manifest = cls(
            column=get_field(value, "column", str),
            metric=get_field(value, "metric", str),
            kind=get_field(value, "kind", str),
            dimensions=get_field(value, "dimensions", int),
            projection=None if projection is None else _read_record(Projection, projection),
            vectors=get_field(value, "vectors", int),
            left_out=_read_record(LeftOut, get_field(value, "left_out", dict)),
            usearch=get_field(value, "usearch", str),
            parts={part: _read_digests(get_field(parts, part, dict)) for part in parts},
            files=tuple(_read_record(DataFile, each) for each in get_field(value, "files", list)),
        )
        if manifest.kind not in (EXACT, GRAPH) or manifest.metric not in METRICS:
            raise Malformed("its kind or metric is unknown")
        if any(set(name) & set("/\\") or name[:1] == "." for part in parts for name in (part, *parts[part])):
            raise Malformed("the name of one of its files is a path")
        return manifest


def _read_digests(digests: dict[str, Any]) -> dict[str, str]:
    return {name: get_field(digests, name, str) for name in digests}


def _read_record(kind: Any, value: Any) -> Any:
    types = {"int": int, "str": str}  # The annotations are strings.
    return kind(**{each.name: get_field(value, each.name, types[str(each.type)]) for each in dataclasses.fields(kind)})


def index_directory(directory: Path, column: str) -> Path:
    """Return the directory of the index of a column."""
    name = _PREFIX + quote_name(column, safe=" ", errors="surrogatepass")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return directory.joinpath(*_INDEX_DIRECTORY, name)


def list_indexes(directory: Path) -> list[Path]:
    """Return the directories of the indexes that are beside the data files of a directory."""
    found = directory.joinpath(*_INDEX_DIRECTORY).glob(f"{_PREFIX}*/{MANIFEST_FILE}")
    return sorted(path.parent for path in found)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest into the directory of an index; a reader sees the old one or the new one."""
    with write_atomically(directory / MANIFEST_FILE) as staging:
        staging.write_text(json.dumps(manifest.to_json(), indent=1), encoding="utf-8")


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest of an index.

    Raises:
        IndexOutdated: it cannot be read, or is of another version.
    """
    path = directory / MANIFEST_FILE
    try:
        return Manifest.from_json(parse_json(path.read_bytes()))
    except (OSError, Malformed) as error:
        raise IndexOutdated(f"The manifest {quote(path)} cannot be used: {error}.") from error


def find_change(directory: Path, path: Path, manifest: Manifest) -> str:
    """Return why an index cannot be used as it is: what is not as it was when it was built. Else ""."""
    if manifest.kind == GRAPH and usearch_version() not in ("", manifest.usearch):
        return f"It was built by usearch {manifest.usearch}, and {usearch_version()} is installed."
    for part, digests in manifest.parts.items():
        for name, digest in digests.items():
            file = path / part / name
            # usearch reads a damaged graph as it is, and ends the process or finds others than the nearest.
            if not _has_digest(file, digest):
                return f"Its file {quote(file)} is damaged."
    known = {file.name: file for file in manifest.files}
    present = list_data_files(directory)
    for change, names in (("new", set(present) - set(known)), ("missing", set(known) - set(present))):
        if names:
            return f"Data files are {change} since it was built: {list_names(sorted(names), 3)}."
    changed = [name for name in present if _has_changed(directory, known[name])]
    return f"Data files have changed since it was built: {list_names(changed, 3)}." if changed else ""


def _has_changed(directory: Path, file: DataFile) -> bool:
    # A copy of the directory has other times, and the same content.
    return not is_untouched(directory, file) and not _has_digest(directory / file.name, file.sha256)


def _has_digest(path: Path, digest: str) -> bool:
    try:
        return hash_path(path) == digest
    except FileNotFoundError:
        return False
