"""Every `rehub cache` command in a cache that others write to."""

from __future__ import annotations

import json
import os
from pathlib import Path

import hostile_cache as hostile
import pytest
from hostile_cache import KEY, NAME

from rehub.cache import Fetched, get_or_fetch

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs, and links only for administrators")

COMMANDS = (
    ("cache", "ls"),
    ("cache", "ls", "--json"),
    ("cache", "show", NAME),
    ("cache", "show", KEY, "--json"),
    ("cache", "verify"),
    ("cache", "verify", "--quick", "--json"),
    ("env",),
    ("cache", "prune", "--keep-size", "1TB"),
    ("cache", "rm", NAME),
    ("cache", "prune", "--keep-size", "0", "--json"),
)


def fill(directory):
    """Brings in a model."""
    (directory / "saved_model.pb").write_bytes(b"graph")
    return Fetched("https://mirror/nnlm.tar.gz")


def run_all(rehub):
    """Runs each command; what it prints is of our making, line by line."""
    for command in COMMANDS:
        ran = rehub(*command)
        assert ran.code in (0, 1), (command, ran)
        assert "Traceback" not in ran.err
        for line in (*ran.out.splitlines(), *ran.err.splitlines()):
            assert line.isprintable() and len(line) < 5000
            assert not line.startswith("forged")
        if "--json" in command and ran.code == 0:
            json.loads(ran.out)


@pytest.mark.parametrize("name", [*hostile.CONTENTS, *hostile.STRANGE])
def test_commands_work_with_any_manifest(rehub, cache_dir, name):
    get_or_fetch((cache_dir,), KEY, fill)
    (cache_dir / hostile.MANIFEST).write_bytes({**hostile.CONTENTS, **hostile.STRANGE}[name])
    run_all(rehub)
    assert not (cache_dir / NAME).exists()


@pytest.mark.parametrize("thing", hostile.THINGS)
def test_commands_work_with_anything_in_place_of_a_file(rehub, cache_dir, thing):
    for key, name in (
        (KEY, hostile.MANIFEST),
        ("https://b", ".descriptor.txt"),
        ("https://c", ""),
        ("https://d", "/x"),
    ):
        directory = get_or_fetch((cache_dir,), key, fill)
        hostile.put(cache_dir / name if key == KEY else Path(f"{directory}{name}"), hostile.THINGS[thing])
    hostile.THINGS[thing](cache_dir / f"{'e' * 40}")
    run_all(rehub)
    assert [path.name for path in cache_dir.iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize(
    "words",
    [
        b"Module: \x1b[2J\nDownload Time: 0001-01-01 00:00:00",
        b"Module: \xff\xfe\xe2\x80\xae\nDownload Time: 9999-12-31 23:59:59.999999",
        b"Module: it\rforged\x0b\x0c\x85forged\nDownload Time: 2026-13-45 99:99:99\nDownload Time: " + b"9" * 5000,
        b"Download Time: 10000-01-01\n" * 1000,
        b"Module: " + b"x" * 500_000,
        b"\x00" * 2_000_000,
    ],
)
def test_commands_work_with_any_descriptor(rehub, cache_dir, words):
    get_or_fetch((cache_dir,), KEY, fill)
    (cache_dir / hostile.MANIFEST).unlink()
    (cache_dir / hostile.DESCRIPTOR).write_bytes(words)
    run_all(rehub)
