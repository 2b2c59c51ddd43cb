"""Files that another user may leave in a shared cache, for the tests of the cache and of its commands."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket as sockets

KEY = "https://tfhub.dev/google/nnlm-en-dim50/2"
NAME = hashlib.sha1(KEY.encode()).hexdigest()
MANIFEST, DESCRIPTOR, LOCK = f"{NAME}.manifest.json", f"{NAME}.descriptor.txt", f"{NAME}.rehub.lock"

SHA256 = "0" * 64


def manifest_of(**changes):
    """Return a manifest as rehub writes it, with some fields changed."""
    record = {"name": "saved_model.pb", "size": 5, "sha256": SHA256}
    record.update({key: changes.pop(key) for key in list(changes) if key in record})
    whole = {"format": 1, "handle": KEY, "url": "https://h", "time": "2026-01-02T03:04:05+00:00", "files": [record]}
    return json.dumps({**whole, **changes}).encode()


# Contents of manifests that describe no complete model.
CONTENTS = {
    "infinity": manifest_of(size=5).replace(b'"size": 5', b'"size": Infinity'),
    "nan": manifest_of(size=5).replace(b'"size": 5', b'"size": NaN'),
    "1e999": manifest_of(size=5).replace(b'"size": 5', b'"size": 1e999'),
    "a size of 5000 digits": manifest_of(size=5).replace(b'"size": 5', b'"size": ' + b"9" * 5000),
    "a size that is a fraction": manifest_of(size=5.5),
    "a size that is a text": manifest_of(size="5"),
    "a size that is true": manifest_of(size=True),
    "a negative size": manifest_of(size=-1),
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"files":' * 50_000,
    "deep files": manifest_of().replace(b'"files": [', b'"files": [' + b"[" * 50_000),
    "a NUL in a name": manifest_of(name="a\0b"),
    "half a surrogate pair in a name": manifest_of(name="\ud800"),
    "half a surrogate pair in the handle": manifest_of(handle="\ud800", name="none"),
    "a name of 5000 letters": manifest_of(name="x" * 5000),
    "a name of 5000 directories": manifest_of(name="x/" * 5000),
    "a path": manifest_of(name="/dev/zero", size=0),
    "a path that leads out": manifest_of(name="../" * 20 + "dev/zero", size=0),
    "a name that is a number": manifest_of(name=3),
    "no files": manifest_of(files=[]),
    "files that are none": manifest_of(files=[None, 1, "a"]),
    "files in an object": manifest_of(files={"name": "saved_model.pb"}),
    "a sha256 that is none": manifest_of(sha256="x"),
    "no object": b"[]",
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "two bytes": b"{}",
    "a byte order mark": b"\xef\xbb\xbf" + manifest_of(),
}

# Contents that say nothing wrong of the files, and something impossible beside.
STRANGE = {
    "an impossible date": manifest_of(time="9999-99-99"),
    "a date before all zones": manifest_of(time="0001-01-01T00:00:00+23:59"),
    "a date after all zones": manifest_of(time="9999-12-31T23:59:59-23:59"),
    "a date without a zone": manifest_of(time="0001-01-01"),
    "a date of 5000 digits": manifest_of(time="9" * 5000),
    "a handle that steers a terminal": manifest_of(handle="\x1b[2J\u202e\nforged  whole\r"),
    "a handle of a megabyte": manifest_of(handle="x" * (1 << 20)),
    "a URL that steers a terminal": manifest_of(url="\x9b2J\u2066\u2028forged"),
}


def link_to(target):
    """Return a function that makes a link to the target."""
    return lambda path: os.symlink(str(target), str(path))


def link_to_itself(path):
    """Make a link to itself."""
    os.symlink(path.name, str(path))


def directory(path):
    """Make a directory."""
    path.mkdir()


def full_directory(path):
    """Make a directory that is not empty."""
    path.mkdir()
    (path / "file").write_bytes(b"")


def fifo(path):
    """Make a FIFO without a writer."""
    os.mkfifo(str(path))


def socket(path):
    """Make a socket."""
    # A path of a socket is short.
    here = os.getcwd()
    os.chdir(str(path.parent))
    try:
        with sockets.socket(sockets.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(here)


# Irregular files.
THINGS = {
    "a link to nothing": link_to("nothing/here"),
    "a link to itself": link_to_itself,
    "a link to /dev/zero": link_to("/dev/zero"),
    "a link to a directory": link_to("/"),
    "a directory": directory,
    "a full directory": full_directory,
    "a fifo": fifo,
    "a socket": socket,
}


def put(path, thing):
    """Replace a file by an irregular one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(str(path))
    elif os.path.lexists(str(path)):
        path.unlink()
    thing(path)
