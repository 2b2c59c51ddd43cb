"""`rehub serve` beside nginx: downloads of a model of 160 MB, and requests per second for a page.

nginx sends the same archive as a file, which is the most that a server on this machine can do. The two are measured in
turns, by the same clients, in processes of their own. The last line tells how much memory `rehub serve` took.

Usage: `python benchmarks/serve.py [ROUNDS] [MEGABYTES]`, with nginx on the PATH and `pip install "rehub[serve]"`.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator

CLIENTS = (1, 16, 64)
PAGES = 2000
NGINX = """
daemon off; pid {root}/nginx.pid; error_log {root}/error.log; worker_processes 2;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; default_type application/gzip;
    client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
    uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
    server {{ listen 127.0.0.1:{port}; root {root}/files; }}
}}
"""


def main(rounds: int = 3, megabytes: int = 160) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_model(root / "models" / "acme" / "weights" / "1", megabytes)
        with rehub_service(root) as (port, process):
            path = "/acme/weights/1?tf-hub-format=compressed"
            archive = fetch(port, path)
            (root / "files").mkdir()
            shutil.copy(str(next((root / "blobs").rglob("*.tar.gz"))), str(root / "files" / "weights.tar.gz"))
            page = get(port, "/acme/weights/1", {"Accept": "text/html"})
            (root / "files" / "page.html").write_bytes(page)
            with nginx(root) as nginx_port:
                servers = {"nginx": (nginx_port, "/weights.tar.gz"), "rehub": (port, path)}
                for clients in CLIENTS:
                    times = {name: [] for name in servers}
                    for _ in range(rounds):
                        for name, (server, url) in servers.items():
                            times[name].append(download(server, url, clients))
                    report(f"{clients:3} downloads of {archive / 1e6:.0f} MB", "s", times)
                times = {name: [] for name in servers}
                for _ in range(rounds):
                    times["nginx"].append(request_pages(nginx_port, "/page.html"))
                    times["rehub"].append(request_pages(port, "/acme/weights/1"))
                report(f"{PAGES} requests for a page by 16 clients", "s", times)
            print(f"largest memory of rehub serve: {peak_memory(process.pid) / 1e6:.0f} MB")


def report(label: str, unit: str, times: dict[str, list[float]]) -> None:
    """Print the medians, and the ratio."""
    nginx, rehub = (statistics.median(times[name]) for name in ("nginx", "rehub"))
    print(f"{label}: nginx {nginx:.2f} {unit}, rehub {rehub:.2f} {unit}: {rehub / nginx:.2f}x", flush=True)


def make_model(directory: Path, megabytes: int) -> None:
    """Write a model whose weights cannot be compressed."""
    source = next(Path(__file__).parent.parent.joinpath("tests/data/legacy/text_embed").rglob("saved_model.pb")).parent
    shutil.copytree(str(source), str(directory))
    with (directory / "assets" / "weights").open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))


@contextlib.contextmanager
def rehub_service(root: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run `rehub serve` over a directory; give its port and process."""
    command = [sys.executable, "-m", "rehub", "serve", str(root), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)$", process.stdout.readline().strip())
        assert found is not None
        yield int(found[1]), process
        process.terminate()


@contextlib.contextmanager
def nginx(root: Path) -> Iterator[int]:
    """Run nginx over the files; give its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (root / "nginx.conf").write_text(NGINX.format(root=root, port=port))
    for directory in (root, root / "files"):
        directory.chmod(0o755)
    command = ["nginx", "-c", str(root / "nginx.conf"), "-e", str(root / "error.log")]
    with subprocess.Popen(command) as process:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.01)
        yield port
        process.terminate()


def download(port: int, path: str, clients: int) -> float:
    """Return the seconds that clients take, each in a process, to download at the same time."""
    started = time.perf_counter()
    command = [sys.executable, __file__, "fetch", str(port), path, str(max(1, clients // 4))]
    processes = [subprocess.Popen(command) for _ in range(min(clients, 4))]
    assert [process.wait() for process in processes] == [0] * len(processes)
    return time.perf_counter() - started


def fetch(port: int, path: str) -> int:
    """Download, throw the bytes away, and return how many there were."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    response, size = connection.getresponse(), 0
    assert response.status == 200
    buffer = bytearray(1 << 20)
    for count in iter(lambda: response.readinto(buffer), 0):
        size += count
    connection.close()
    return size


def request_pages(port: int, path: str) -> float:
    """Return the seconds of many requests over 16 connections."""

    def ask(count: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(count):
            connection.request("GET", path, headers={"Accept": "text/html"})
            assert connection.getresponse().read()
        connection.close()

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, [PAGES // 16] * 16))
    return time.perf_counter() - started


def get(port: int, path: str, headers: dict[str, str]) -> bytes:
    """Return the body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers=headers)
    return connection.getresponse().read()


def peak_memory(pid: int) -> int:
    """Return the largest resident size of a process, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def fetch_many(port: int, path: str, count: int) -> None:
    """Download several times at once, in threads of this process."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        assert len(set(pool.map(lambda _: fetch(port, path), range(count)))) == 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["fetch"]:
        fetch_many(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    else:
        main(*map(int, sys.argv[1:]))
