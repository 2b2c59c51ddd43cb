"""Downloading and unpacking a model of 170 MB from this machine: rehub compared with tensorflow_hub and kagglehub.

The floors are the times that no library can avoid: to receive the archive, to decompress it, to write the files and
sync them to the disk. Every measurement runs in its own process, which imports what it needs before the clock starts.

Usage: `python benchmarks/transfer.py [ROUNDS] [MEGABYTES]`
"""

from __future__ import annotations

import gzip
import http.server
import importlib.util
import io
import os
import shutil
import socketserver
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import warnings
import zlib
from pathlib import Path
from typing import Callable

PIECE = 1 << 20
PATH = "/models/weights/1"
KAGGLE_HANDLE = "benchmarks/weights/tensorFlow2/default/1"


def make_archive(path: Path, megabytes: int) -> None:
    """Return a model as publishers pack it: mostly weights, which gzip makes some 8% smaller."""
    import numpy as np

    weights = np.random.default_rng(0).standard_normal(megabytes * 250_000).astype(np.float32).tobytes()
    files = {
        "saved_model.pb": os.urandom(1 << 20),
        "variables/variables.data-00000-of-00001": weights,
        "variables/variables.index": os.urandom(1 << 14),
    }
    with gzip.open(str(path), "wb", compresslevel=6) as compressed, tarfile.open(fileobj=compressed, mode="w|") as tar:
        for name in (".", "./variables"):
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo("./" + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def serve(archive: str) -> None:
    """Answer every request with the archive; print its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/gzip")
            self.send_header("Content-Length", str(os.path.getsize(archive)))
            self.end_headers()
            with open(archive, "rb") as file:
                self.connection.sendfile(file)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def serve_as_kaggle(archive: str) -> None:
    """Serve the archive by Kaggle's API, as the tests do; print a line when it is ready."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "resolvers"))
    from kaggle_server import KaggleServer

    # kagglehub requests the archive if a model has many files.
    names = {f"file{number}": b"" for number in range(30)}
    with KaggleServer(KAGGLE_HANDLE.rpartition("/")[0], {1: names}, Path(archive).read_bytes()):
        print("ready", flush=True)
        threading.Event().wait()


def resolve_by_rehub(url: str, *_: str) -> Callable[[], object]:
    """rehub.resolve, with isal if it is installed."""
    import requests  # noqa: F401 - imported with the first download, which it is not a part of

    from rehub import resolve

    return lambda: resolve(url)


def resolve_by_rehub_with_zlib(url: str, *_: str) -> Callable[[], object]:
    """rehub.resolve, as if isal were not installed."""
    sys.modules["isal"] = None  # type: ignore[assignment]
    return resolve_by_rehub(url)


def resolve_by_tensorflow_hub(url: str, *_: str) -> Callable[[], object]:
    """tensorflow_hub.resolve."""
    warnings.filterwarnings("ignore")
    from tensorflow_hub import resolve

    return lambda: resolve(url)


def download_by_kagglehub(*_: str) -> Callable[[], object]:
    """kagglehub.model_download, from a server on this machine with Kaggle's API."""
    import kagglehub

    return lambda: kagglehub.model_download(KAGGLE_HANDLE)


def download_alone(url: str, *_: str) -> Callable[[], object]:
    """Receive the archive and drop it."""
    import requests

    def run() -> None:
        with requests.get(url, stream=True, timeout=60) as response:
            while response.raw.read(PIECE):
                pass

    return run


def inflate_alone(_: str, archive: str, *__: str) -> Callable[[], object]:
    """Decompress the archive with the library that rehub uses, and drop the result."""
    try:
        from isal import igzip_lib
    except ImportError:
        return _inflate_by_zlib(archive)
    decoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)

    def run() -> None:
        with open(archive, "rb") as file:
            while not decoder.eof:
                decoder.decompress(file.read(1 << 16) if decoder.needs_input else b"", 1 << 18)

    return run


def _inflate_by_zlib(archive: str) -> Callable[[], object]:
    decoder = zlib.decompressobj(31)

    def run() -> None:
        with open(archive, "rb") as file:
            while not decoder.eof:
                decoder.decompress(decoder.unconsumed_tail or file.read(1 << 16), 1 << 18)

    return run


def write_alone(_: str, archive: str, cache: str) -> Callable[[], object]:
    """Write as many bytes as the model has, and sync them to the disk."""
    pieces = int(os.path.getsize(archive) / 0.925) // PIECE
    piece = os.urandom(PIECE)

    def run() -> None:
        with open(os.path.join(cache, "written"), "wb") as file:
            for _ in range(pieces):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    return run


WAYS: dict[str, Callable[[str, str, str], Callable[[], object]]] = {
    "rehub": resolve_by_rehub,
    "rehub without isal": resolve_by_rehub_with_zlib,
    "tensorflow_hub": resolve_by_tensorflow_hub,
    "kagglehub": download_by_kagglehub,
    "download alone": download_alone,
    "inflate alone": inflate_alone,
    "write alone": write_alone,
}
NEEDS = {"rehub without isal": "isal", "tensorflow_hub": "tensorflow_hub", "kagglehub": "kagglehub"}


def memory(field: str) -> int:
    """Return a line of /proc/self/status, in kB; 0 if there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def run_once(way: str, url: str, archive: str, cache: str) -> None:
    """Run one way in this process; print the seconds, and the peak growth of its memory in kB."""
    run = WAYS[way](url, archive, cache)
    if os.path.exists("/proc/self/clear_refs"):
        Path("/proc/self/clear_refs").write_text("5")  # Reset the peak.
    before = memory("VmRSS")
    start = time.perf_counter()
    run()
    print(time.perf_counter() - start, memory("VmHWM") - before)


def measure(way: str, url: str, archive: Path, folder: Path) -> tuple[float, int]:
    """Run one way in its own process, with an empty cache."""
    cache = folder / "cache"
    cache.mkdir()
    environment = {
        **os.environ,
        "TFHUB_CACHE_DIR": str(cache),
        "KAGGLE_API_ENVIRONMENT": "TEST",  # kagglehub then uses this machine, port 7777
        "KAGGLEHUB_CACHE": str(cache),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
    }
    command = [sys.executable, "-W", "ignore", __file__, "--run", way, url, str(archive), str(cache)]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True
    )
    shutil.rmtree(cache)
    seconds, kilobytes = done.stdout.split()[-2:]
    return float(seconds), int(kilobytes)


def start_server(mode: str, archive: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a server in its own process; return it, and the line that it prints when ready."""
    server = subprocess.Popen([sys.executable, __file__, mode, str(archive)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, server.stdout.readline().strip()


def main(rounds: int = 5, megabytes: int = 170) -> None:
    """Measure every way once a round."""
    ways = [way for way in WAYS if way not in NEEDS or importlib.util.find_spec(NEEDS[way])]
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name, "model.tar.gz")
        # In another process, so that this one stays small: a child starts with the peak of its parent.
        subprocess.run([sys.executable, __file__, "--make", str(archive), str(megabytes)], check=True)
        server, port = start_server("--serve", archive)
        servers = [server, *([start_server("--serve-as-kaggle", archive)[0]] if "kagglehub" in ways else [])]
        url = f"http://127.0.0.1:{port}{PATH}"
        times: dict[str, list[float]] = {way: [] for way in ways}
        growth: dict[str, list[int]] = {way: [] for way in ways}
        try:
            for _ in range(rounds):
                for way in ways:
                    seconds, kilobytes = measure(way, url, archive, Path(name))
                    times[way].append(seconds)
                    growth[way].append(kilobytes)
        finally:
            for server in servers:
                server.kill()
                server.wait()
        size = archive.stat().st_size

    print(f"Python {sys.version.split()[0]}, an archive of {size / 1e6:.0f} MB, medians of {rounds} interleaved rounds")
    medians = {way: statistics.median(times[way]) for way in ways}
    for way in ways:
        against = f"{medians[way] / medians['rehub']:5.2f}x rehub"
        print(f"{way:20} {medians[way]:7.3f} s  {against}  peak memory +{statistics.median(growth[way]) / 1000:.0f} MB")
    floor = max(medians["inflate alone"], medians["write alone"])
    print(f"rehub takes {medians['rehub'] / floor:.2f} times the slower of inflate and write")
    for way in [way for way in WAYS if way not in ways]:
        print(f"{way}: {NEEDS[way]} is not installed")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    elif sys.argv[1:2] == ["--serve-as-kaggle"]:
        serve_as_kaggle(sys.argv[2])
    elif sys.argv[1:2] == ["--make"]:
        make_archive(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["--run"]:
        run_once(sys.argv[2], *sys.argv[3:])
    else:
        main(*map(int, sys.argv[1:]))
