"""Small archives that are expensive: quadratic time, or memory for headers, names and directories."""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile

import pytest
from hosting import MODEL, tar_of, zip_of

from rehub.errors import CorruptArchive, DiskFull, HubError, UnsafeArchive
from rehub.transfer.archives import Limits, unpack_archive

SECONDS = 10.0
END = bytes(1024)
LIMITS = Limits(members=200, directories=50, headers=4 << 20, header=1 << 20, records=20_000, paths=20_000)


def member(name, content=b"x", kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    return info.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512)


def pax(content, kind=tarfile.XHDTYPE):
    return member("pax", content, kind)


def record(key, value):
    length = len(key) + len(value) + 3
    length += len(str(length + len(str(length))))
    return b"%d %s=%s\n" % (length, key, value)


def zip_directory(count, size=None):
    """Return a zip archive whose directory of empty entries claims `size` bytes."""
    directory = (b"PK\x01\x02" + bytes(42)) * count
    size = len(directory) if size is None else size
    return b"PK\x03\x04" + bytes(26) + directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size, 30, 0)


def lzma_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("saved_model.pb", b"graph")
    return buffer.getvalue()


MODEL_MEMBER = member("saved_model.pb")
TINY = b"6 a=b\n" * ((1 << 20) // 6)
COSTLY = {
    "tiny records": lambda: pax(TINY) + MODEL_MEMBER,
    "tiny records of many headers": lambda: b"".join(pax(TINY[:6000]) + member(f"f{i}") for i in range(100)),
    "large headers of one member": lambda: pax(record(b"k", b"v" * 900_000)) * 17 + MODEL_MEMBER,
    "large headers of many members": lambda: b"".join(
        pax(record(b"k%d" % i, b"v" * 900_000)) + member(f"f{i}") for i in range(9)
    ),
    "large headers for all members": lambda: pax(record(b"k", b"v" * 900_000), tarfile.XGLTYPE) * 9 + MODEL_MEMBER,
    "long names of one member": lambda: member("@", b"n" * 900_000, tarfile.GNUTYPE_LONGNAME) * 17 + MODEL_MEMBER,
    "a long name": lambda: member("@", b"n/" * 5000, tarfile.GNUTYPE_LONGNAME) + MODEL_MEMBER,
    "a name of a megabyte": lambda: member("@", b"n" * (1 << 20), tarfile.GNUTYPE_LONGNAME) + MODEL_MEMBER,
    "names": lambda: b"".join(member(f"{i:03}" + "n" * 96) for i in range(199)) * 2,
    "directories above files": lambda: b"".join(member(f"{i}/a/b/c/d/e/f") for i in range(20)),
    "directories": lambda: b"".join(member(f"d{i}", b"", tarfile.DIRTYPE) for i in range(60)),
    "members": lambda: b"".join(member(f"f{i}") for i in range(201)),
    "a zip's directory": lambda: zip_directory(100_000),
    "a zip's directory of many members": lambda: zip_directory(300),
    "a zip's directory beyond its file": lambda: zip_directory(10, size=2**32 - 1),
    "a zip of LZMA": lzma_zip,
}


@pytest.mark.parametrize("archive", COSTLY.values(), ids=COSTLY)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_expensive_archive_is_refused_early(tmp_path, archive, compress):
    data = archive()
    data = compress(data if data.startswith(b"PK") else data + END)
    start = time.monotonic()
    with pytest.raises((UnsafeArchive, CorruptArchive)) as error:
        unpack_archive(io.BytesIO(data), tmp_path, name="'it'", limits=LIMITS)
    assert time.monotonic() - start < SECONDS
    assert len(str(error.value)) < 1500
    assert list(tmp_path.iterdir()) == []


def test_empty_members_of_gzip_are_limited(tmp_path):
    data = gzip.compress(b"") * 5000 + gzip.compress(tar_of(MODEL))
    with pytest.raises(CorruptArchive, match="empty members"):
        unpack_archive(io.BytesIO(data), tmp_path, name="'it'")


def test_members_of_gzip_of_any_size_are_one_stream(tmp_path):
    plain = tar_of(MODEL)
    pieces = [plain[:10], plain[10:11], plain[11:3000], plain[3000:]]
    data = b"".join(gzip.compress(piece) + gzip.compress(b"") + bytes(7) for piece in pieces)
    assert len(unpack_archive(io.BytesIO(data), tmp_path, name="'it'")) == len(MODEL)


def test_other_records_of_extended_headers_take_no_memory(tmp_path):
    said = b"".join(record(b"key%d" % i, b"v" * 1000) for i in range(900))
    data = b"".join(pax(said) + member(f"f{i}") for i in range(15)) + MODEL_MEMBER + END
    tracemalloc.start()
    try:
        unpack_archive(io.BytesIO(data), tmp_path, name="'it'")
        assert tracemalloc.get_traced_memory()[1] < 30 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "content",
    [
        b"9" * 5000,
        "² a=b\n".encode(),
        b"0 a=b\n",
        b"3 =\n",
        b"-1 a=b\n",
        b"99 a=b\n",
        b"6 abc\n",
        b" ",
        b"5",
        b"6  a=b",
    ],
)
def test_broken_extended_header_is_an_error(tmp_path, content):
    with pytest.raises(CorruptArchive, match="damaged"):
        unpack_archive(io.BytesIO(pax(content) + MODEL_MEMBER + END), tmp_path, name="'it'")


@pytest.mark.parametrize("size", [b"9" * 5000, "²".encode(), b"-1", b"1e3", b""])
def test_size_that_is_not_a_number_is_an_error(tmp_path, size):
    with pytest.raises(CorruptArchive, match="is not the size"):
        unpack_archive(io.BytesIO(pax(record(b"size", size)) + MODEL_MEMBER + END), tmp_path, name="'it'")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems take other names")
def test_name_that_the_file_system_does_not_accept_is_unsafe(tmp_path):
    into = tmp_path
    while len(str(into)) < 4096 - 1500:
        into /= "d" * 200
    into.mkdir(parents=True)
    name = "/".join(["n" * 200] * 9)
    with pytest.raises(UnsafeArchive, match="file system"):
        unpack_archive(io.BytesIO(pax(record(b"path", name.encode())) + MODEL_MEMBER + END), into, name="'it'")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a directory is mounted")
@pytest.mark.parametrize("archive", [zip_of, lambda files: gzip.compress(zip_of(files))], ids=["zip", "zip in gzip"])
def test_zip_on_a_full_disk_is_reported_as_full_disk(tmp_path, archive):
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        into = tmp_path / "model"
        into.mkdir()
        noise = os.urandom(400_000)
        with pytest.raises(DiskFull, match="became full while writing"):
            unpack_archive(io.BytesIO(archive({"saved_model.pb": noise})), into, name="'it'")
        assert list(into.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_mutated_archive_is_a_model_or_an_error_of_rehub(tmp_path):
    chance = random.Random(7)
    messages = []
    for number in range(150):
        whole = (tar_of, zip_of)[number % 2]({"saved_model.pb": b"graph", "variables/variables.index": b"index"})
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        into = tmp_path / str(number)
        into.mkdir()
        try:
            unpack_archive(io.BytesIO(bytes(data)), into, name="'it'", limits=LIMITS)
        except HubError as error:
            messages.append(str(error))
    assert all(line.isprintable() for message in messages for line in message.split("\n"))
