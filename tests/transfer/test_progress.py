"""Progress on terminals, in notebooks and on request."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from rehub.transfer import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def download(monkeypatch, stderr):
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress.track_bytes("https://h/m", 3_000_000) as advance:
        advance(1_000_000)
        advance(2_000_000)
    return stderr.getvalue()


@pytest.fixture
def without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)


@pytest.fixture
def with_tqdm():
    pytest.importorskip("tqdm", reason="tqdm is not installed")


def test_no_progress_is_printed_into_a_log(monkeypatch):
    assert download(monkeypatch, io.StringIO()) == ""


def test_missing_stderr_is_not_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress.track_bytes("https://h/m", None) as advance:
        advance(1)


def test_nothing_is_printed_on_a_terminal_without_tqdm(monkeypatch, without_tqdm):
    assert download(monkeypatch, Terminal()) == ""


def test_requested_progress_without_tqdm_is_a_plain_line(monkeypatch, without_tqdm):
    monkeypatch.setenv("TFHUB_DOWNLOAD_PROGRESS", "1")
    assert download(monkeypatch, io.StringIO()) == "Downloaded https://h/m: 3.0 MB\n"


def test_long_download_without_tqdm_prints_lines_of_progress(monkeypatch, without_tqdm):
    monkeypatch.setenv("TFHUB_DOWNLOAD_PROGRESS", "1")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1.0)
    assert download(monkeypatch, io.StringIO()).splitlines() == [
        "Downloading https://h/m: 1.0 MB of 3.0 MB",
        "Downloading https://h/m: 3.0 MB of 3.0 MB",
        "Downloaded https://h/m: 3.0 MB",
    ]


@pytest.mark.parametrize("stderr", [io.StringIO, Terminal])
def test_tqdm_shows_a_bar_on_a_terminal_or_on_request(monkeypatch, with_tqdm, stderr):
    if stderr is io.StringIO:
        monkeypatch.setenv("TFHUB_DOWNLOAD_PROGRESS", "1")
    shown = download(monkeypatch, stderr())
    assert "https://h/m" in shown
    assert "100%" in shown


@pytest.mark.parametrize(("stderr", "is_hidden"), [(Terminal, False), (Terminal, True), (io.StringIO, False)])
def test_steps_of_long_work_are_counted_only_on_a_terminal(monkeypatch, with_tqdm, stderr, is_hidden):
    monkeypatch.setattr(sys, "stderr", stderr())
    with progress.hide_progress(is_hidden):
        assert list(progress.track_steps("Verifying", ["a", "b"], 2, "model")) == ["a", "b"]
    shown = sys.stderr.getvalue()
    assert ("Verifying" in shown) is (stderr is Terminal and not is_hidden)


def test_notebook_shows_a_bar(with_tqdm):
    pytest.importorskip("ipykernel", reason="ipykernel, the Python of notebooks, is not installed")
    from jupyter_client.manager import start_new_kernel

    code = "from rehub.transfer import progress\nwith progress.track_bytes('https://h/m', 2) as advance: advance(2)"
    manager, client = start_new_kernel(stderr=subprocess.DEVNULL)
    try:
        shown = []
        client.execute_interactive(code, timeout=60, output_hook=lambda message: shown.append(message["content"]))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert "100%" in "".join(content.get("text", "") for content in shown)
