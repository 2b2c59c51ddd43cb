"""Archives of every format, and those that must be refused."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import shutil
import stat
import sys
import tarfile
import threading
import zipfile
import zlib

import pytest
from effort import scaled
from hosting import MODEL, archive_of, tar_of, zip_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rehub.errors import CorruptArchive, HubError, UnsafeArchive, UnsupportedFormat
from rehub.transfer.archives import Limits, unpack_archive
from rehub.transfer.archives.extract import detect_format


@pytest.fixture
def into(tmp_path):
    directory = tmp_path / "around" / "model"
    directory.mkdir(parents=True)
    return directory


def files_below(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def tar_with(*members, end=True, **options):
    """Return a tar archive of `(name, content)` and `(name, tarfile.*TYPE, fields)`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as archive:
        for name, *rest in members:
            member = tarfile.TarInfo(name)
            content = b""
            if isinstance(rest[0], dict):
                member.type = tarfile.REGTYPE
                for key, value in rest[0].items():
                    setattr(member, key, value)
            else:
                content = rest[0]
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue() if end else buffer.getvalue().rstrip(b"\0")


def zip_with(*members):
    """Return a zip archive of `(name, content)` and `(name, content, mode)`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, *mode in members:
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (mode[0] if mode else stat.S_IFREG | 0o644) << 16
            archive.writestr(member, content)
    return buffer.getvalue()


def zstd_of(content):
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed")
    return zstandard.ZstdCompressor().compress(content)


KINDS = {
    "tar": tar_of,
    "tar.gz": archive_of,
    "tar.bz2": lambda files: bz2.compress(tar_of(files)),
    "tar.xz": lambda files: lzma.compress(tar_of(files)),
    "tar.zst": lambda files: zstd_of(tar_of(files)),
    "zip": zip_of,
    "tar.gz in gzip": lambda files: gzip.compress(archive_of(files)),
    "zip in gzip": lambda files: gzip.compress(zip_of(files)),
    "tar of PAX": lambda files: tar_with(*files.items(), format=tarfile.PAX_FORMAT),
    "tar of GNU": lambda files: tar_with(*files.items(), format=tarfile.GNU_FORMAT),
    "tar of ustar": lambda files: tar_with(*files.items(), format=tarfile.USTAR_FORMAT),
    "tar.gz of two members": lambda files: gzip.compress(tar_of(files)[:700]) + gzip.compress(tar_of(files)[700:]),
    "tar.gz of many members": lambda files: b"".join(map(gzip.compress, in_pieces(tar_of(files), 100))),
    "tar.gz of empty members": lambda files: gzip.compress(b"") * 3 + archive_of(files) + gzip.compress(b"") * 3,
    "tar.gz padded with zeros": lambda files: archive_of(files) + bytes(300_000),
    "tar.bz2 of many members": lambda files: b"".join(map(bz2.compress, in_pieces(tar_of(files), 1000))),
    "tar.xz of two members, padded": lambda files: (
        lzma.compress(tar_of(files)[:700]) + bytes(8) + lzma.compress(tar_of(files)[700:])
    ),
}


def in_pieces(content, size):
    return [content[start : start + size] for start in range(0, len(content), size)]


@pytest.fixture(params=["isal", "zlib"])
def inflater(request, monkeypatch):
    """Each of the two gzip decompressors."""
    if request.param == "isal":
        pytest.importorskip("isal", reason="isal is not installed")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)


@pytest.fixture(params=[False, True], ids=["at once", "byte by byte"])
def streamed(request):
    """Make a stream that returns all bytes at once, or few at a time as a network does."""

    class ByteByByte(io.BytesIO):
        def read(self, size=-1):
            return super().read(1 if size else 0)

    return ByteByByte if request.param else io.BytesIO


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "path"])
def test_every_format_is_detected_by_its_content(kind, is_stream, into, tmp_path, inflater):
    archive = KINDS[kind](MODEL)
    source = io.BytesIO(archive) if is_stream else tmp_path / "named.misleadingly"
    if not is_stream:
        source.write_bytes(archive)
    records = unpack_archive(source, into, name="it")
    assert files_below(into) == MODEL
    assert {record.name: (record.size, record.sha256) for record in records} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in MODEL.items()
    }
    assert [path.name for path in into.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("kind", KINDS)
def test_stream_may_return_few_bytes_at_a_time(kind, streamed, into):
    unpack_archive(streamed(KINDS[kind]({"saved_model.pb": b"graph", "a/b": b"x" * 600})), into, name="it")
    assert files_below(into) == {"saved_model.pb": b"graph", "a/b": b"x" * 600}


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_single_top_folder_is_removed(kind, into):  # tfhub.dev PR#65
    records = unpack_archive(io.BytesIO(KINDS[kind]({"top/" + n: c for n, c in MODEL.items()})), into, name="it")
    assert files_below(into) == MODEL
    assert {record.name for record in records} == set(MODEL)


def test_top_folder_may_hold_its_own_name(into):
    unpack_archive(io.BytesIO(archive_of({"top/top/a": b"1", "top/saved_model.pb": b"2"})), into, name="it")
    assert files_below(into) == {"top/a": b"1", "saved_model.pb": b"2"}


def test_two_top_folders_are_kept(into):
    unpack_archive(io.BytesIO(archive_of({"a/x": b"1", "b/x": b"2"})), into, name="it")
    assert files_below(into) == {"a/x": b"1", "b/x": b"2"}


@pytest.mark.parametrize(
    "options", [{"format": tarfile.PAX_FORMAT}, {"format": tarfile.GNU_FORMAT}], ids=["pax", "gnu"]
)
def test_long_and_non_ascii_names_are_extracted(options, into):
    name = "assets/" + "/".join(["größe" * 10] * 5) + "/模型"
    unpack_archive(io.BytesIO(tar_with(("saved_model.pb", b"1"), (name, b"2"), **options)), into, name="it")
    assert files_below(into) == {"saved_model.pb": b"1", name: b"2"}


def test_empty_files_and_directories_are_extracted(into):
    members = [("assets", {"type": tarfile.DIRTYPE}), ("assets", {"type": tarfile.DIRTYPE}), ("assets/empty", b"")]
    unpack_archive(io.BytesIO(tar_with(*members, ("saved_model.pb", b"1"))), into, name="it")
    assert files_below(into) == {"assets/empty": b"", "saved_model.pb": b"1"}


def test_file_may_be_repeated_with_the_same_content(into):
    repeated = tar_with(("variables/x", b"1"), ("saved_model.pb", b"2"), ("./variables/x", b"1"), ("variables/x", b"1"))
    manifest = unpack_archive(io.BytesIO(repeated), into, name="it")
    assert files_below(into) == {"variables/x": b"1", "saved_model.pb": b"2"}
    assert [record.name for record in manifest] == ["variables/x", "saved_model.pb"]


def test_global_comment_of_git_archive_is_accepted(into):
    tar = tar_with(("saved_model.pb", b"1"), format=tarfile.PAX_FORMAT, pax_headers={"comment": "0a1b2c"})
    unpack_archive(io.BytesIO(tar), into, name="it")
    assert files_below(into) == {"saved_model.pb": b"1"}


def test_permissions_of_the_archive_are_ignored(into):
    unpack_archive(io.BytesIO(tar_with(("saved_model.pb", {"mode": 0o6777}))), into, name="it")
    assert stat.S_IMODE((into / "saved_model.pb").stat().st_mode) & 0o6111 == 0


OK = ("saved_model.pb", b"graph")
DEVICE = {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}


def pax(**headers):
    return {"type": tarfile.REGTYPE, "pax_headers": {key.replace("__", "."): value for key, value in headers.items()}}


def header_with(**fields):
    """Return a handmade tar header that tarfile does not write."""
    member = tarfile.TarInfo(fields.pop("name", "x"))
    for key, value in fields.items():
        setattr(member, key, value)
    return member.tobuf(tarfile.GNU_FORMAT)


HOSTILE = {
    "absolute name": lambda: tar_with(OK, ("/etc/cron.d/x", b"")),
    "absolute directory": lambda: tar_with(OK, ("/tmp/x", {"type": tarfile.DIRTYPE})),
    "parent": lambda: tar_with(OK, ("../x", b"")),
    "parent deep inside": lambda: tar_with(OK, ("a/b/../../../x", b"")),
    "parent that stays inside": lambda: tar_with(OK, ("a/../x", b"")),
    "parent directory": lambda: tar_with(OK, ("../../x", {"type": tarfile.DIRTYPE})),
    "parent in a PAX name": lambda: tar_with(OK, ("x", pax(path="../x")), format=tarfile.PAX_FORMAT),
    "absolute PAX name": lambda: tar_with(OK, ("x", pax(path="/x")), format=tarfile.PAX_FORMAT),
    "parent in a long GNU name": lambda: tar_with(OK, ("a/" * 60 + "../" * 70, b""), format=tarfile.GNU_FORMAT),
    "PAX name for all": lambda: tar_with(OK, format=tarfile.PAX_FORMAT, pax_headers={"path": "x"}),
    "drive": lambda: tar_with(OK, ("C:x", b"")),
    "backslash": lambda: tar_with(OK, ("..\\x", b"")),
    "symbolic link out": lambda: tar_with(OK, ("l", {"type": tarfile.SYMTYPE, "linkname": "/etc"})),
    "symbolic link within": lambda: tar_with(OK, ("l", {"type": tarfile.SYMTYPE, "linkname": "saved_model.pb"})),
    "write through a link": lambda: tar_with(OK, ("l", {"type": tarfile.SYMTYPE, "linkname": "/tmp"}), ("l/x", b"")),
    "hard link": lambda: tar_with(OK, ("l", {"type": tarfile.LNKTYPE, "linkname": "saved_model.pb"})),
    "long link": lambda: tar_with(
        OK, ("l", {"type": tarfile.SYMTYPE, "linkname": "x" * 300}), format=tarfile.GNU_FORMAT
    ),
    "character device": lambda: tar_with(OK, ("d", DEVICE)),
    "block device": lambda: tar_with(OK, ("d", {**DEVICE, "type": tarfile.BLKTYPE})),
    "fifo": lambda: tar_with(OK, ("f", {"type": tarfile.FIFOTYPE})),
    "unknown type": lambda: tar_with(OK)[:1024] + header_with(type=b"Z") + bytes(1024),
    "sparse file": lambda: tar_with(OK)[:1024] + header_with(type=tarfile.GNUTYPE_SPARSE) + bytes(1024),
    "sparse file of PAX": lambda: tar_with(OK, ("x", pax(GNU__sparse__major="1")), format=tarfile.PAX_FORMAT),
    "same name twice": lambda: tar_with(OK, ("saved_model.pb", b"other")),
    "same name and size twice": lambda: tar_with(OK, ("saved_model.pb", b"GRAPH")),
    "same name thrice": lambda: tar_with(OK, OK, ("saved_model.pb", b"other")),
    "same name by another spelling": lambda: tar_with(OK, ("./saved_model.pb", b"other")),
    "directory in a file's place": lambda: tar_with(OK, ("saved_model.pb", {"type": tarfile.DIRTYPE})),
    "file in a directory's place": lambda: tar_with(("a/x", b""), ("a", b"")),
    "under a file's name": lambda: tar_with(OK, ("saved_model.pb/x", b"")),
    "case": lambda: tar_with(OK, ("Saved_Model.pb", b"")),
    "case of a directory": lambda: tar_with(("a/x", b""), ("A/y", b"")),
    "Unicode form": lambda: tar_with(OK, ("gr\u00f6\u00dfe", b""), ("gro\u0308\u00dfe", b"")),
    "a file without a name": lambda: tar_with(OK, ("./", b"x"))[:1024] + header_with(name=".", size=1) + bytes(2048),
    "a long part": lambda: tar_with(OK, ("x" * 256, b""), format=tarfile.PAX_FORMAT),
    "many parts": lambda: tar_with(OK, ("a/" * 40 + "x", b"")),
    "huge extended header": lambda: tar_with(OK)[:1024] + header_with(type=tarfile.XHDTYPE, size=1 << 33),
    "huge long name": lambda: tar_with(OK)[:1024] + header_with(type=tarfile.GNUTYPE_LONGNAME, size=1 << 33),
    "too many members": lambda: tar_with(OK, *((f"{i}", b"") for i in range(200))),
    "too many directories": lambda: tar_with(OK, *((f"{i}", {"type": tarfile.DIRTYPE}) for i in range(200))),
    "PAX size beyond the limit": lambda: tar_with(OK, ("x", pax(size=str(1 << 60))), format=tarfile.PAX_FORMAT),
    "old sparse file of PAX": lambda: tar_with(OK, ("x", pax(GNU__sparse__map="0,1")), format=tarfile.PAX_FORMAT),
    "PAX link": lambda: tar_with(
        OK, ("l", {"type": tarfile.SYMTYPE, "pax_headers": {"linkpath": "/etc"}}), format=tarfile.PAX_FORMAT
    ),
    "zero byte in a PAX name": lambda: tar_with(OK, ("x", pax(path="a\0b")), format=tarfile.PAX_FORMAT),
    "contiguous file over another": lambda: tar_with(OK, ("saved_model.pb", {"type": tarfile.CONTTYPE})),
    "a bomb of a file": lambda: gzip.compress(tar_with(OK, ("x", bytes(900_000)))),
    "a bomb of padding": lambda: gzip.compress(tar_with(OK) + bytes(900_000)),
    "a bomb of bzip2": lambda: bz2.compress(tar_with(OK, ("x", bytes(900_000)))),
    "a bomb of xz": lambda: lzma.compress(tar_with(OK, ("x", bytes(900_000)))),
    "a bomb of zstd": lambda: zstd_of(tar_with(OK, ("x", bytes(900_000)))),
    "a bomb in a bomb": lambda: gzip.compress(gzip.compress(tar_with(OK, ("x", bytes(900_000))))),
    "zip: a bomb of a file": lambda: zip_with(OK, ("x", bytes(900_000))),
    "zip: a bomb of files": lambda: zip_with(OK, *((f"{i}", bytes(9_000)) for i in range(99))),
    "too many bytes": lambda: tar_with(OK, ("x", bytes(2 << 20))),
    "too many bytes declared": lambda: tar_with(OK)[:1024] + header_with(size=1 << 50),
    "too many bytes of padding": lambda: gzip.compress(tar_with(OK) + bytes(4 << 20)),
    "too many bytes before the archive": lambda: gzip.compress(gzip.compress(bytes(4 << 20))),
    "zip: absolute name": lambda: zip_with(OK, ("/x", b"")),
    "zip: parent": lambda: zip_with(OK, ("../x", b"")),
    "zip: backslash": lambda: zip_with(OK, ("a\\..\\..\\x", b"")),
    "zip: symbolic link": lambda: zip_with(OK, ("l", b"/etc", stat.S_IFLNK | 0o777)),
    "zip: fifo": lambda: zip_with(OK, ("f", b"", stat.S_IFIFO | 0o644)),
    "zip: case": lambda: zip_with(OK, ("SAVED_MODEL.PB", b"")),
    "zip: under a file's name": lambda: zip_with(OK, ("saved_model.pb/x", b"")),
    "zip: too many bytes": lambda: zip_with(OK, ("x", bytes(2 << 20))),
    "zip: too many members": lambda: zip_with(OK, *((f"{i}", b"") for i in range(200))),
}
SMALL = Limits(members=100, bytes=1 << 20, ratio=20, ratio_from=1 << 16)


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_hostile_archive_is_refused_and_leaves_nothing(case, compressed, into, tmp_path, inflater):
    archive = HOSTILE[case]()
    archive = gzip.compress(archive) if compressed and detect_format(archive) in ("tar", "zip") else archive
    with pytest.raises(UnsafeArchive, match="'the model' is refused, and nothing of it was kept"):
        unpack_archive(io.BytesIO(archive), into, name="'the model'", limits=SMALL)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["around", "around/model"]


def damaged(archive, at):
    return archive[:at] + bytes([archive[at] ^ 0xFF]) + archive[at + 1 :]


DAMAGED = {
    "nothing": lambda: b"",
    "text": lambda: b"this is a model" * 100,
    "tar: empty": tar_with,
    "tar: directories only": lambda: tar_with(("a", {"type": tarfile.DIRTYPE})),
    "tar: no end mark": lambda: tar_with(OK)[:1024],
    "tar: cut off in a file": lambda: tar_with(("x", b"x" * 2000))[:1500],
    "tar: cut off in padding": lambda: tar_with(OK)[:600],
    "tar: cut off in a header": lambda: tar_with(OK, ("x", b""))[:1100],
    "tar: broken header": lambda: damaged(tar_with(OK, ("x", b"")), 1030),
    "tar: broken length of PAX": lambda: tar_with(OK, ("x", pax(path="x")), format=tarfile.PAX_FORMAT).replace(
        b" path=x\n", b" path:x\n"
    ),
    "tar: PAX size of nonsense": lambda: tar_with(OK, ("x", pax(size="1e9")), format=tarfile.PAX_FORMAT),
    "tar: negative size": lambda: tar_with(OK)[:1024] + header_with(size=-5),
    "gzip: cut off": lambda: archive_of(MODEL)[:-20],
    "gzip: cut off in the checksum": lambda: archive_of(MODEL)[:-3],
    "gzip: wrong checksum": lambda: damaged(archive_of(MODEL), -8 % len(archive_of(MODEL))),
    "gzip: garbage inside": lambda: damaged(archive_of(MODEL), 60),
    "gzip: trailing garbage": lambda: archive_of(MODEL) + b"garbage",
    "gzip: of text": lambda: gzip.compress(b"<html>" * 200),
    "gzip: thrice": lambda: gzip.compress(gzip.compress(archive_of(MODEL))),
    "gzip: wrong length": lambda: damaged(archive_of(MODEL), -2 % len(archive_of(MODEL))),
    "gzip: garbage behind padding": lambda: archive_of(MODEL) + bytes(100) + b"garbage",
    "gzip: cut off in a second member": lambda: archive_of(MODEL) + gzip.compress(b"more")[:-9],
    "bzip2: trailing garbage": lambda: KINDS["tar.bz2"](MODEL) + b"garbage",
    "xz: trailing garbage": lambda: KINDS["tar.xz"](MODEL) + b"garbage",
    "bzip2: cut off": lambda: KINDS["tar.bz2"](MODEL)[:-5],
    "bzip2: garbage inside": lambda: damaged(KINDS["tar.bz2"](MODEL), 40),
    "xz: cut off": lambda: KINDS["tar.xz"](MODEL)[:-5],
    "xz: garbage inside": lambda: damaged(KINDS["tar.xz"](MODEL), 40),
    "zstd: garbage inside": lambda: damaged(KINDS["tar.zst"](MODEL), 12),
    "zstd: cut off": lambda: KINDS["tar.zst"](MODEL)[:80],
    "zip: empty": zip_with,
    "zip: cut off": lambda: zip_of(MODEL)[:-5],
    "zip: garbage inside": lambda: damaged(zip_of(MODEL), 50),
    "zip: encrypted": lambda: with_directory_byte(zip_with(OK), 8, 1),
    "zip: unknown compression": lambda: with_directory_byte(zip_with(OK), 10, 77),
    "zip: member beyond the end": lambda: with_directory_byte(zip_with(OK), 44, 1),
    "zip: wrong checksum": lambda: with_directory_byte(zip_with(OK), 16, 77),
}


def with_directory_byte(archive, offset, value):
    """Return a zip archive with one byte changed in the first entry of its directory."""
    position = archive.index(b"PK\x01\x02") + offset
    return archive[:position] + bytes([value]) + archive[position + 1 :]


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_archive_is_reported_and_leaves_nothing(case, into, tmp_path, inflater):
    with pytest.raises(CorruptArchive, match="'the model'"):
        unpack_archive(io.BytesIO(DAMAGED[case]()), into, name="'the model'")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["around", "around/model"]


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_archive_truncated_anywhere_is_corrupt(kind, into, inflater):
    files = {"saved_model.pb": hashlib.sha256(b"1").digest() * 9, "a/b": b"x"}
    archive = KINDS[kind](files)
    # After the end mark, tar pads to 10 KiB; what is cut off there is not missed.
    end = len(archive.rstrip(b"\0")) // 512 * 512 + 512 if kind == "tar" else len(archive)
    for cut in range(0, end, 7):
        with pytest.raises(CorruptArchive):
            unpack_archive(io.BytesIO(archive[:cut]), into, name="it")
        assert list(into.iterdir()) == []


def test_zstd_without_its_package_says_what_to_install(into, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(UnsupportedFormat, match=r"pip install rehub\[zstd\]"):
        unpack_archive(io.BytesIO(b"\x28\xb5\x2f\xfd" + bytes(1000)), into, name="it")


def test_error_of_the_disk_is_not_reported_as_one_of_the_archive(into):
    class Disk(io.RawIOBase):
        def readable(self):
            return True

        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error") as error:
        unpack_archive(Disk(), into, name="it")
    assert not isinstance(error.value, HubError)


@settings(deadline=None, max_examples=scaled(200), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_bytes_leave_nothing_or_a_complete_model(data, into):
    kind = data.draw(st.sampled_from(["tar", "tar.gz", "zip"]))
    archive = bytearray(KINDS[kind]({"saved_model.pb": b"graph" * 50, "a/b": b"x"}))
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    try:
        records = unpack_archive(io.BytesIO(bytes(archive)), into, name="it", limits=SMALL)
    except HubError:
        assert list(into.iterdir()) == []
    else:
        assert {record.name: record.size for record in records} == {n: len(c) for n, c in files_below(into).items()}
        shutil.rmtree(str(into))
        into.mkdir()


def test_small_model_of_zeros_is_accepted(into):
    unpack_archive(io.BytesIO(archive_of({"saved_model.pb": bytes(20 << 20)})), into, name="it")
    assert (into / "saved_model.pb").stat().st_size == 20 << 20


def test_xz_that_needs_much_memory_is_refused(into):
    # The dictionary's size in the block header: 40 is 4 GiB; the header's checksum is made right again.
    archive = bytearray(lzma.compress(tar_of(MODEL), check=lzma.CHECK_NONE))
    header = archive[12 : 12 + (archive[12] + 1) * 4]
    assert header[2:4] == b"\x21\x01"  # LZMA2, one byte of properties: the size
    header[4] = 40
    header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "little")
    archive[12 : 12 + len(header)] = header
    with pytest.raises(UnsafeArchive, match="more than 256 MiB of memory"):
        unpack_archive(io.BytesIO(bytes(archive)), into, name="it")
    assert list(into.iterdir()) == []


def test_threads_end_with_the_unpacking(into):
    before = set(threading.enumerate())
    with pytest.raises(UnsafeArchive):
        unpack_archive(io.BytesIO(gzip.compress(HOSTILE["parent"]() + bytes(4 << 20))), into, name="it")
    with pytest.raises(CorruptArchive):
        unpack_archive(io.BytesIO(archive_of(MODEL)[:-20]), into, name="it")
    unpack_archive(io.BytesIO(archive_of(MODEL)), into, name="it")
    assert set(threading.enumerate()) == before


def test_error_of_the_stream_is_raised(into):
    class Breaks(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 200:
                raise KeyboardInterrupt
            return super().read(min(size, 100))

    with pytest.raises(KeyboardInterrupt):
        unpack_archive(Breaks(archive_of(MODEL)), into, name="it")
    assert list(into.iterdir()) == []


PARTS = st.sampled_from(["a", "A", "b", "..", ".", "", "\u00e9", "e\u0301", "saved_model.pb", "con", "x" * 200])
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
TYPES = st.sampled_from(
    [tarfile.REGTYPE] * 6 + [tarfile.DIRTYPE] * 3 + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]
)
MEMBERS = st.lists(st.tuples(NAMES, TYPES, st.binary(max_size=600), NAMES), max_size=6)


def plain(name):
    return "/".join(part for part in name.split("/") if part not in ("", "."))


@settings(deadline=None, max_examples=scaled(150), suppress_health_check=list(HealthCheck))
@given(members=MEMBERS, form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]), compressed=st.booleans())
def test_random_members_are_never_written_outside(members, form, compressed, into):
    """Random names, types and links: all members are extracted inside as regular files, or none is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, kind, content, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(content))
    data = gzip.compress(buffer.getvalue()) if compressed else buffer.getvalue()
    around = into.parent.parent
    try:
        records = unpack_archive(io.BytesIO(data), into, name="it", limits=SMALL)
    except HubError:
        assert list(into.iterdir()) == []
    else:
        files = files_below(into)
        contents = {(plain(name), content) for name, kind, content, _ in members if kind == tarfile.REGTYPE}
        assert sorted(files.values()) == sorted(content for _, content in contents)
        assert {record.name: record.size for record in records} == {name: len(files[name]) for name in files}
        assert not any(path.is_symlink() for path in into.rglob("*"))
        shutil.rmtree(str(into))
        into.mkdir()
    assert [path.name for path in around.rglob("*")] == ["around", "model"]
