"""`rehub completion`: what is offered, and that real shells offer it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import rehub as library
from rehub.cli.completion import candidates


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (
            "",
            (
                "cache completion convert demo diff env export import lock migrate optimize prepare pull run scan show "
                "--help --version --verbose --quiet"
            ).split(),
        ),
        ("ca", ["cache"]),
        ("--v", ["--version", "--verbose"]),
        ("cache ", ["ls", "path", "prune", "rm", "show", "verify"]),
        ("cache p", ["path", "prune"]),
        ("cache prune --k", ["--keep-size"]),
        ("cache prune --keep-size ", []),
        ("cache ls --", ["--help", "--json", "--verbose", "--quiet"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("import https://tfhub.dev/google/x/1 ", []),
        ("nonsense ", []),
    ],
)
def test_what_is_offered(typed, offered):
    assert candidates(typed.split(" ")) == offered


@pytest.mark.parametrize("command", ["cache show", "cache rm", "cache verify --quick", "cache rm other", "export"])
def test_handles_in_the_cache_are_offered(rehub, hosted, command):
    library.resolve(hosted)
    assert candidates([*command.split(" "), hosted[:9]]) == [hosted]
    assert rehub("completion", "bash", "rehub", *command.split(" "), "").out.splitlines() == [hosted]


def test_no_store_is_asked_what_it_has(hosted, memory, monkeypatch):
    monkeypatch.setenv("REHUB_CACHE_DIR", "memory://bucket/models")
    library.resolve(hosted)
    assert candidates(["cache", "rm", ""]) == []


def test_an_archive_is_completed_as_a_file(hosted):
    library.resolve(hosted)
    assert candidates(["export", hosted, ""]) == []


@pytest.mark.parametrize("words", [["--"], ["--help"], ["cache", "ls", "--"], ["cache", "rm", "--", "-"]])
def test_words_that_look_like_options_are_only_words(rehub, words):
    ran = rehub("completion", "bash", "rehub", *words)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == candidates(words)


def run_shell(shell, script, *, tmp_path):
    program = tmp_path / "bin" / "rehub"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rehub "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    command = [shell, *(["-f"] if shell == "zsh" else []), "-c", script]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=str(tmp_path),
        env={**os.environ, "PATH": path, "HOME": str(tmp_path), "TERM": "dumb"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def bash_offers(line, tmp_path):
    script = f"""
        eval "$(rehub completion bash)"
        COMP_LINE={line!r} COMP_POINT={len(line)} COMP_WORDBREAKS=$' \\t\\n"=:'
        _rehub
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return run_shell("bash", script, tmp_path=tmp_path)


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="bash is not installed")
def test_bash_offers_commands(tmp_path):
    assert bash_offers("rehub cache p", tmp_path) == ["path", "prune"]


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="bash is not installed")
def test_bash_gets_what_follows_the_colon_of_a_handle(hosted, tmp_path):
    library.resolve(hosted)
    start, colon, port_and_path = hosted.rpartition(":")
    assert bash_offers(f"rehub cache show {start}{colon}", tmp_path) == [port_and_path]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_offers_commands(tmp_path):
    script = """
        compdef() { print -r -- "compdef $*" }
        compadd() { print -rl -- ${(P)2} }
        eval "$(rehub completion zsh)"
        words=(rehub cache p) CURRENT=3
        _rehub
    """
    assert run_shell("zsh", script, tmp_path=tmp_path) == ["compdef _rehub rehub", "path", "prune"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_offers_commands_and_files(hosted, tmp_path):
    library.resolve(hosted)
    (tmp_path / "digits.tar.gz").write_bytes(b"")
    script = f"""
        rehub completion fish | source
        complete -C 'rehub cache p'
        complete -C 'rehub export {hosted} dig'
        complete -C 'rehub cache rm {hosted[:-5]}'
    """
    assert run_shell("fish", script, tmp_path=tmp_path) == ["path", "prune", "digits.tar.gz", hosted]


def test_the_help_says_where_to_put_the_script(rehub):
    text = rehub("completion", "--help").out
    assert all(f"rehub completion {shell}" in text for shell in ("bash", "zsh", "fish"))
    assert "words" not in text
