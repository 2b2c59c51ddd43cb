"""Shell completion: the candidates, and that bash gets them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import rehub as library
from rehub.cli import completion

argcomplete = pytest.importorskip("argcomplete", reason="argcomplete is not installed")


def complete(line, tmp_path):
    """Return the candidates for the last word of a command line, as argcomplete's shell function gets them."""
    found = tmp_path / "candidates"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    subprocess.run(
        [sys.executable, "-m", "rehub"],
        timeout=60,
        check=True,
        env={**os.environ, **asked, "_ARGCOMPLETE_STDOUT_FILENAME": str(found)},
    )
    return sorted(word.strip() for word in found.read_text().splitlines())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rehub ca", ["cache"]),
        ("rehub p", ["prepare", "publish", "pull"]),
        ("rehub --v", ["--verbose", "--version"]),
        ("rehub cache p", ["path", "prune"]),
        ("rehub cache prune --k", ["--keep-size"]),
        ("rehub cache ls --", ["--help", "--json", "--quiet", "--verbose"]),
    ],
)
def test_commands_and_options_are_completed(tmp_path, line, expected):
    assert complete(line, tmp_path) == expected


@pytest.mark.parametrize("command", ["cache show", "cache verify --quick", "cache rm other", "export"])
def test_handles_in_the_cache_are_completed(hosted, tmp_path, command):
    library.resolve(hosted)
    assert complete(f"rehub {command} {hosted[:9]}", tmp_path) == [hosted]


def test_an_object_store_is_not_listed(hosted, memory, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REHUB_CACHE_DIR", "memory://bucket/models")
    library.resolve(hosted)
    assert completion.complete_handle("") == []


def test_files_are_completed_where_no_handle_fits(hosted, monkeypatch, tmp_path):
    library.resolve(hosted)
    (tmp_path / "digits.tar.gz").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert completion.complete_handle("dig") == ["digits.tar.gz"]


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="bash is not installed")
@pytest.mark.parametrize("line", ["rehub cache p", "rehub cache show {handle}"])
def test_bash_gets_the_candidates(hosted, tmp_path, line):
    library.resolve(hosted)
    program = tmp_path / "rehub"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rehub "$@"\n')
    program.chmod(0o755)
    start, colon, port_and_path = hosted.rpartition(":")
    line = line.format(handle=start + colon)
    script = f"""
        eval "$({sys.executable} -c 'import argcomplete; print(argcomplete.shellcode(["rehub"]))')"
        COMP_LINE={line!r} COMP_POINT={len(line)} COMP_WORDBREAKS=$' \\t\\n"=:' COMP_TYPE=9
        _python_argcomplete rehub
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "PATH": path}
    )
    expected = [port_and_path] if "show" in line else ["path", "prune"]
    assert sorted(word.rstrip() for word in done.stdout.splitlines()) == expected
