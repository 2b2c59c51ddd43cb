"""The program itself: exit codes, what is printed where, and what it costs to start."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hosting import MODEL, falls_silent, sends, tar_of

import rehub as library
from rehub.cli.commands import COMMANDS
from rehub.cli.parser import parse_argv

PROGRAM = Path(sys.executable).with_name("rehub.exe" if os.name == "nt" else "rehub")
PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
NAMES = [command.name for command in COMMANDS]


def run(*words, **settings):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **settings)


@pytest.mark.skipif(not PROGRAM.exists(), reason="rehub is not installed, only on the path")
def test_the_console_script_fetches_a_model(hosted):
    done = run(str(PROGRAM), "pull", hosted)
    assert (done.returncode, done.stderr) == (0, "")
    directory = Path(done.stdout.rstrip("\n"))
    assert {path.relative_to(directory).as_posix() for path in directory.rglob("*.*")} == set(MODEL)


def test_python_m_rehub_is_the_same_program():
    done = run(sys.executable, "-W", "error", "-m", "rehub", "--version")
    assert (done.returncode, done.stdout) == (0, f"rehub {library.__version__}\n")


def test_the_program_starts_without_importing_commands_or_heavy_packages():
    code = "import sys, rehub.cli.program, rehub.cli.parser as it; it.build_parser(['--version']); print(*sys.modules)"
    loaded = run(sys.executable, "-W", "error", "-c", code).stdout.split()
    assert "rehub.cli.parser" in loaded
    assert not [name for name in loaded if name in {"rehub.cli.pull", "rehub.resolvers", "rehub.cache", "requests"}]
    assert not [name for name in loaded if name.split(".")[0] in {"tensorflow", "keras", "numpy", "platformdirs"}]


def test_a_missing_command_is_wrong_usage_and_lists_the_commands(rehub):
    for words, some in (((), ("pull", "cache")), (("cache",), ("ls", "prune"))):
        ran = rehub(*words)
        assert (ran.code, ran.out) == (2, "")
        assert all(f"    {name} " in ran.err for name in some)


def test_help_has_headings_settings_and_the_documentation(rehub):
    out = rehub("--help").out
    headings = ["start:", "get models:", "look at models:", "run models:", "train models:", "manage the cache:"]
    places = [out.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places)
    assert all(text in out for text in ("REHUB_CACHE_DIR", "REHUB_OFFLINE", "rehub COMMAND --help", "docs/cli.md"))


@pytest.mark.parametrize("name", NAMES)
def test_examples_in_the_help_can_be_parsed(rehub, name):
    command = next(command for command in COMMANDS if name == command.name)
    out = rehub(*command.argv, "--help").out
    examples = re.findall(r"^    rehub (.*)$", out.partition("\nexamples:\n")[2], re.MULTILINE)
    assert examples
    for example in examples:
        words = [word for word in shlex.split(example) if word != ">"]
        assert parse_argv(words).run is not None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pul x", "`rehub pull`"),
        ("shwo x", "`rehub show`"),
        ("cache lss", "`rehub cache ls`"),
        ("-q cache prnue", "`rehub cache prune`"),
        ("download x", "`rehub pull`"),
        ("ls", "`rehub cache ls`"),
        ("cache list", "`rehub cache ls`"),
        ("show x --varibles", "--variables"),
        ("cache prune --keep_size=0 --keep-size 0", "--keep-size"),
        ("diff a b --jsn", "--json"),
    ],
)
def test_a_mistyped_word_gets_a_suggestion(rehub, typed, meant):
    ran = rehub(*typed.split())
    assert (ran.code, ran.out) == (2, "")
    assert f"Did you mean {meant}?" in ran.err


@pytest.mark.parametrize(
    ("typed", "usage"),
    [
        ("show x --nonsense", "usage: rehub show "),
        ("pull x --nonsense", "usage: rehub pull "),
        ("pull", "usage: rehub pull "),
        ("cache ls extra", "usage: rehub cache ls "),
        ("cache prune --keep-size much", "usage: rehub cache prune "),
        ("convert x", "usage: rehub convert "),
    ],
)
def test_a_wrong_argument_prints_the_usage_of_its_command(rehub, typed, usage):
    ran = rehub(*typed.split())
    assert ran.code == 2
    assert ran.err.startswith(usage)


@pytest.mark.parametrize("words", [("-v", "pull"), ("pull", "--verbose")], ids=" ".join)
def test_verbose_shows_what_is_logged(rehub, server, words):
    handle = server.url + "/no/such/1"
    server.answer("/no/such/1", sends(b"", status=503, Retry_After="0"))
    assert "INFO rehub.transfer.retries: " in rehub(*words, handle).err
    assert "INFO" not in rehub("pull", handle).err


def test_quiet_hides_progress_and_warnings_and_no_error(rehub, hosted, server, monkeypatch):
    monkeypatch.setenv("TFHUB_DOWNLOAD_PROGRESS", "1")
    monkeypatch.setenv("TFHUB_DISABLE_CERT_VALIDATION", "true")
    ran = rehub("pull", "-q", hosted)
    assert (ran.code, ran.err) == (0, "")
    assert rehub("pull", "-q", server.url + "/no/such/1").err.startswith("rehub: ")


def test_a_refused_connection_is_an_error_of_one_line(rehub, monkeypatch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    monkeypatch.setenv("REHUB_RETRIES", "0")
    ran = rehub("pull", f"http://127.0.0.1:{port}/google/digits/1")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert f"nothing answers at 127.0.0.1:{port} (connection refused)" in ran.err


@pytest.mark.parametrize(
    ("handle", "hints"),
    [
        (
            "google/nnlm-en-dim50/2",
            ["https://tfhub.dev/google/nnlm-en-dim50/2", "kaggle://google/nnlm-en-dim50/", "hf://google/nnlm-en-dim50"],
        ),
        ("google/nnlm/tensorFlow2/en-dim128/1", ["kaggle://google/nnlm/tensorFlow2/en-dim128/1"]),
        ("tfhub.dev/google/nnlm/1", ["https://tfhub.dev/google/nnlm/1"]),
    ],
)
def test_a_model_name_without_a_site_gets_suggestions_of_sites(rehub, handle, hints):
    err = rehub("pull", handle).err
    assert [hint for hint in hints if hint not in err] == []


def test_a_misspelled_name_of_the_library_gets_a_suggestion():
    with pytest.raises(AttributeError, match=r"Did you mean hub\.load\?"):
        library.laod  # noqa: B018


@pytest.mark.parametrize(
    "words",
    [["fetch"], ["--nonsense"], ["pull"], ["cache", "list"], ["cache", "ls", "extra"], ["cache", "--json", "ls"]],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(rehub, words):
    ran = rehub(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "usage: rehub" in ran.err


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_a_file_a_help_and_documentation(rehub, name):
    command = next(command for command in COMMANDS if name == command.name)
    assert importlib.import_module(command.module).__doc__.startswith(f"`rehub {name}")
    ran = rehub(*command.argv, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"usage: rehub {name} ")
    assert f"`rehub {name}" in PAGE.read_text(encoding="utf-8")


def test_options_cannot_be_abbreviated(rehub):
    # So that a new option breaks no script.
    assert rehub("cache", "ls", "--js").code == 2


def test_a_failure_prints_a_message_without_a_traceback(rehub, tmp_path):
    ran = rehub("pull", tmp_path / "nothing")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"rehub: '{tmp_path / 'nothing'}' does not exist")
    assert "Traceback" not in ran.err


def test_a_bug_in_rehub_shows_its_traceback():
    broken = "import rehub.cli.cache.path as path, rehub.cli; path.run_command = lambda _: 1 / 0; rehub.cli.console()"
    done = run(sys.executable, "-c", broken, "cache", "path")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_exits_quietly_with_130_and_leaves_no_files(server, cache_dir):
    tar = tar_of({"saved_model.pb": b"graph", "variables/variables.data": os.urandom(4 << 20)})
    silent, done = threading.Event(), threading.Event()

    def respond(request):
        silent.set()
        falls_silent(tar, 3 << 20, done)(request)

    handle = server.answer("/m.tar", respond)
    # Under a shell's `&` a child inherits that SIGINT is ignored.
    code = "import signal, rehub.cli; signal.signal(signal.SIGINT, signal.default_int_handler); rehub.cli.console()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "pull", handle], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert silent.wait(60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    done.set()
    assert (process.returncode, out, err) == (130, b"", b"")
    assert list(cache_dir.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="/dev/stdout and head are not there")
def test_a_closed_pipe_prints_no_traceback():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "rehub", "cache", "path"],
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_characters_that_the_terminal_cannot_encode_are_escaped(tmp_path):
    path = tmp_path / "mod\u00e8le"
    path.mkdir()
    done = run(sys.executable, "-m", "rehub", "pull", str(path), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout) == (0, str(path).replace("\u00e8", "\\xe8") + "\n")
